// The name of a device: whom a message is from and to (docs/e2ee.md, "Who knows what").
#pragma once

#include <compare>
#include <string>

namespace sotto::e2ee::signal {

/// A device by the two names in its token.
struct DeviceName {
  std::string user;
  std::string device;
  auto operator<=>(const DeviceName&) const = default;
};

}  // namespace sotto::e2ee::signal
