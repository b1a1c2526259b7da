// `sotto-client join`: joins a room, plays files or synthetic media into it, records, shows progress,
// reports.
#pragma once

#include "client/native/cli/ExitCode.hpp"
#include "client/native/cli/JoinOptions.hpp"

namespace sotto::client::cli {

/// Runs until the duration is over, the call fails or an interrupt comes. Progress and messages go to
/// standard error, the report to its file or to standard output.
ExitCode runJoin(const JoinOptions& options);

}  // namespace sotto::client::cli
