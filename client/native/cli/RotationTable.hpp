// Reports of several members of one call as a readable table of how their keys changed.
#pragma once

#include <string>
#include <vector>

namespace sotto::client::cli {

/// One line for each change of a member's key, in the order in which they were drawn. `reports`: as
/// reportJson writes them; what is no report counts as a member without changes.
std::string rotationTable(const std::vector<std::string>& reports);

}  // namespace sotto::client::cli
