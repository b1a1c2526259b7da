// Which suite our frames are sealed with in a room that takes some suites and not others.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "media/base/Expected.hpp"
#include "media/frame/FrameMetadata.hpp"

namespace sotto::client::call {

/// `asked`, or without it the first of the room's suites that we have. `ofRoom`: as the server says; empty:
/// any. The error is a sentence that names the suites that the room takes and those that we have.
base::Expected<frame::Suite> chooseSuite(std::optional<frame::Suite> asked,
                                         const std::vector<std::string>& ofRoom);

}  // namespace sotto::client::call
