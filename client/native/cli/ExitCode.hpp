// How sotto-client ends. Documented in its --help: scripts build upon these numbers.
#pragma once

namespace sotto::client::cli {

enum class ExitCode : int {
  Ok = 0,
  CallFailed = 1,       ///< server or token refused us, the server went away, vectors that do not match
  BadInput = 2,         ///< command line, key, device store or media file
  FramesUnopened = 3,   ///< frames came but could not be opened, or their content was not what was sent
  IdentityChanged = 4,  ///< a device's identity key is not the one we know: nothing was sent to it
};

}  // namespace sotto::client::cli
