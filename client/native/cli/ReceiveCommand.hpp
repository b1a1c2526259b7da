// `sotto-client receive`: prints what other devices have sent, and saves their files.
#pragma once

#include <string>

#include "client/native/cli/DeviceOptions.hpp"
#include "client/native/cli/ExitCode.hpp"

namespace sotto::client::cli {

struct ReceiveOptions {
  DeviceOptions device;
  double waitSeconds = 0;  ///< goes on for so long when nothing is waiting any more
  bool follow = false;     ///< until interrupted
  std::string directory = ".";
  bool asJson = false;
};

/// A message is acknowledged to the server when it is in the store, and leaves the store when it has been
/// printed: whenever the process dies, the next one goes on there.
ExitCode runReceive(const ReceiveOptions& options);

}  // namespace sotto::client::cli
