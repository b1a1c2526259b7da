// `sotto-client send USER`: a text, a file or a reaction to all devices of a user.
#pragma once

#include <string>
#include <vector>

#include "client/native/cli/DeviceOptions.hpp"
#include "client/native/cli/ExitCode.hpp"

namespace sotto::client::cli {

struct SendOptions {
  DeviceOptions device;
  std::string to;    ///< the user
  std::string text;  ///< exactly one of text, file, reaction
  bool hasText = false;
  std::string file;
  std::vector<std::string> reaction;  ///< message id and emoji
  bool removeReaction = false;
  std::string group = "direct";
  double waitSeconds = 5;  ///< for receipts
  bool asJson = false;
};

/// Returns when all devices have confirmed, or the server has accepted it for all and the wait is over.
ExitCode runSend(const SendOptions& options);

}  // namespace sotto::client::cli
