// The name of a device: who a message goes to and comes from (docs/e2ee.md section 1).
#pragma once

#include <compare>
#include <string>

namespace sotto::client::e2ee {

/// The two names in a device's token. A user with two devices is two members of a call.
struct DeviceId {
  std::string user, device;
  auto operator<=>(const DeviceId&) const = default;
  /// For a person: "user/device".
  std::string text() const { return user + "/" + device; }
};

}  // namespace sotto::client::e2ee
