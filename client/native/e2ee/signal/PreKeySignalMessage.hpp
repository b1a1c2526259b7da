// The first messages of a session, until the other side has answered; byte for byte as deployed:
//   version byte || protobuf { preKeyId 1, baseKey 2, identityKey 3, message 4, registrationId 5,
//   signedPreKeyId 6 }
// Not covered by a MAC of its own: all that matters of it goes into the keys that the inner message needs.
#pragma once

#include <optional>

#include "client/native/e2ee/signal/SignalMessage.hpp"

namespace sotto::e2ee::signal {

struct PreKeySignalMessage {
  uint32_t registrationId = 0;  ///< of the sender's device
  std::optional<uint32_t> preKeyId;
  uint32_t signedPreKeyId = 0;
  PublicKey baseKey;
  PublicKey identityKey;
  SignalMessage message;

  std::vector<uint8_t> serialize() const;
  /// Malformed, UnsupportedVersion, InvalidKey; also for what is wrong with the inner message.
  static Result<PreKeySignalMessage> parse(base::ByteView wire);
};

}  // namespace sotto::e2ee::signal
