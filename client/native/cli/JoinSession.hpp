// One call of the join command, from connecting to the end, on an event loop of its own.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "client/native/call/CallTypes.hpp"
#include "client/native/cli/CallChat.hpp"
#include "client/native/cli/Companions.hpp"
#include "client/native/cli/LocalDevice.hpp"
#include "client/native/cli/Progress.hpp"
#include "client/native/cli/Recorder.hpp"
#include "client/native/cli/Report.hpp"
#include "client/native/mediafile/MediaSource.hpp"

namespace sotto::client::cli {

/// Everything a call needs, checked beforehand.
struct JoinPlan {
  call::CallOptions call;
  std::map<call::TrackSource, std::unique_ptr<mediafile::MediaSource>> sources;
  std::optional<Recorder> recorder;
  std::unique_ptr<LocalDevice> device;  ///< null: external keys, or none
  std::vector<std::string> invited;
  std::vector<CallMessage> messages;  ///< to everybody
  std::optional<Companions> companions;
  base::TimeDelta duration;  ///< from when media first flows; zero: until SIGINT or SIGTERM
};

/// Runs the call; returns when it is over. A second interrupt ends it at once.
CallOutcome runSession(JoinPlan plan);

}  // namespace sotto::client::cli
