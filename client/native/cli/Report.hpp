// What a call was like: the JSON report at its end, and the exit code that follows from it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/cli/ContentCheck.hpp"
#include "client/native/cli/ExitCode.hpp"

namespace sotto::client::cli {

using StreamKey = std::pair<std::string, call::TrackSource>;  ///< participant id and source

struct CallOutcome {
  std::string server, room, name, suite;  ///< suite empty: not sealed
  std::string reason;                     ///< why the call ended
  bool failed = false;                    ///< the call itself, not its frames
  bool everConnected = false;
  base::Timestamp started;  ///< when media first flowed
  base::TimeDelta duration;
  call::CallStatistics statistics;
  std::map<StreamKey, ContentCheck> content;
  std::map<StreamKey, std::string> recordings;  ///< paths
  std::map<call::TrackSource, std::map<std::string, uint64_t>> unsent;
};

/// The exit code, and a sentence for each stream that is to blame.
struct Verdict {
  ExitCode code = ExitCode::Ok;
  std::vector<std::string> complaints;
};
Verdict judge(const CallOutcome& outcome);

/// The report as indented JSON with a final newline.
std::string reportJson(const CallOutcome& outcome, const Verdict& verdict);

}  // namespace sotto::client::cli
