// Names, times and a look at actions for the tests of key agreement.
#pragma once

#include <string>
#include <vector>

#include "client/native/e2ee/keys/KeyActions.hpp"
#include "media/base/Units.hpp"

namespace sotto::client::e2ee {

inline DeviceId device(const std::string& user) {
  return {user, "phone"};
}

/// Milliseconds after an arbitrary beginning.
inline base::Timestamp at(int64_t milliseconds) {
  return base::Timestamp::millis(1'000'000 + milliseconds);
}

inline MediaKey mediaKey(KeyId id, uint8_t fill) {
  MediaKey key{id, frame::Suite::Duo, SecretBytes(MediaKey::secretSize)};
  for (uint8_t& byte : key.secret.writable()) byte = fill;
  return key;
}

/// All actions of one kind, in order: pointers into `actions`.
template <typename Action>
std::vector<const Action*> only(const KeyActions& actions) {
  std::vector<const Action*> found;
  for (const KeyAction& action : actions) {
    if (const auto* wanted = std::get_if<Action>(&action)) found.push_back(wanted);
  }
  return found;
}

}  // namespace sotto::client::e2ee
