// What a call was like: the JSON report at its end, and the exit code that follows from it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/cli/CallChat.hpp"
#include "client/native/cli/ContentCheck.hpp"
#include "client/native/cli/ExitCode.hpp"
#include "client/native/e2ee/keys/RotationReport.hpp"
#include "client/native/e2ee/signal/CallCode.hpp"

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

  struct Heard {
    std::string participant, name;
    CallMessage message;
    base::Timestamp at;
  };
  std::vector<Heard> heard;                   ///< chat and reactions of others
  size_t said = 0;                            ///< of our own that went out
  std::vector<std::string> companionReports;  ///< JSON, of join --rotate

  // ---- with keys that devices agree on
  std::map<uint64_t, e2ee::RotationReport> rotations;    ///< of our own key, by number
  std::vector<sotto::e2ee::signal::CallCode> callCodes;  ///< over time
  std::vector<call::DeviceName> changedIdentities;
  /// By sender's key: how the change to it went here.
  struct KeyArrival {
    base::Timestamp firstOpened;
    uint64_t opened = 0;
  };
  std::map<std::pair<std::string, uint64_t>, KeyArrival> arrivals;  ///< participant id, KID
  int64_t wallClockOffsetUs = 0;                                    ///< Unix time minus the call's clock
};

/// The exit code, and a sentence for each stream that is to blame.
struct Verdict {
  ExitCode code = ExitCode::Ok;
  std::vector<std::string> complaints;
};
Verdict judge(const CallOutcome& outcome);

/// The code of the whole call as one line: digits in groups of five, and emoji.
std::string callCodeLine(const sotto::e2ee::signal::CallCode& code);

/// The report as indented JSON with a final newline.
std::string reportJson(const CallOutcome& outcome, const Verdict& verdict);

}  // namespace sotto::client::cli
