// `sotto-client vectors FILE`: holds this implementation against a file of known sealed frames.
#pragma once

#include <string>

#include "client/native/cli/ExitCode.hpp"

namespace sotto::client::cli {

/// Prints one line: what was checked, or the first mismatch.
ExitCode runVectors(const std::string& path);

}  // namespace sotto::client::cli
