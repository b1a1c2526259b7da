// Names a device: the user and the device of its token. Neither has control characters (isDisplayable), so a
// zero byte parts them in storage keys.
#pragma once

#include <compare>
#include <string>

namespace sotto::signaling {

struct DeviceName {
  std::string user, device;
  auto operator<=>(const DeviceName&) const = default;

  /// `prefix`, user, zero, device, zero: begins the keys of all that belongs to this device.
  std::string key(char prefix) const {
    std::string out(1, prefix);
    out.append(user).push_back('\0');
    out.append(device).push_back('\0');
    return out;
  }
};

/// What begins the keys of all devices of a user.
inline std::string userKey(char prefix, const std::string& user) {
  return std::string(1, prefix).append(user) + '\0';
}

/// The first key after all that begin with `prefix`, which ends with a zero byte.
inline std::string pastPrefix(std::string prefix) {
  prefix.back() = '\1';
  return prefix;
}

}  // namespace sotto::signaling
