// What the agreement on media keys asks of those around it (docs/e2ee.md section 4). Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "client/native/e2ee/keys/DeviceId.hpp"
#include "client/native/e2ee/keys/MediaKey.hpp"

namespace sotto::client::e2ee {

/// Send this key to these devices. Their receipts and failures are to be handed back with `rotation`.
struct SendKey {
  uint64_t rotation = 0;
  MediaKey key;
  std::vector<DeviceId> to;
  bool store = false;  ///< into their mailboxes: they are invited and may not be connected
};
/// Seal with this key from the next frame on.
struct UseKey {
  MediaKey key;
};
/// Open frames with this key, from now on.
struct InstallKey {
  MediaKey key;
};
/// Forget receive keys: one generation of a sender, or all.
struct RemoveKeys {
  uint16_t sender = 0;
  std::optional<uint8_t> generation;
};
/// The next frame of every layer is to be a key frame.
struct ForceKeyFrame {};
/// Ask the device for the key of these frames, which are its own.
struct AskForKey {
  DeviceId of;
  KeyId key;
};
/// Frames of this sender arrive that we have no key for, or no more.
struct WaitingForKeys {
  uint16_t sender = 0;
  bool waiting = false;
};
/// A rotation was drawn, or went live: look at its report.
struct RotationNews {
  uint64_t rotation = 0;
};

using KeyAction = std::variant<SendKey, UseKey, InstallKey, RemoveKeys, ForceKeyFrame, AskForKey,
                               WaitingForKeys, RotationNews>;
using KeyActions = std::vector<KeyAction>;

}  // namespace sotto::client::e2ee
