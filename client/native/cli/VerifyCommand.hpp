// `sotto-client verify USER`: the safety number with each device of a user, for comparing it by another way;
// accepting identities that have changed.
#pragma once

#include <string>

#include "client/native/cli/DeviceOptions.hpp"
#include "client/native/cli/ExitCode.hpp"

namespace sotto::client::cli {

struct VerifyOptions {
  DeviceOptions device;
  std::string user;
  bool accept = false;  ///< pins identities that have changed
  bool mark = false;    ///< remembers those shown as verified
  bool asJson = false;
};

/// IdentityChanged when one has changed and was not accepted.
ExitCode runVerify(const VerifyOptions& options);

}  // namespace sotto::client::cli
