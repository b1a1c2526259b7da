// What the directory hands out so that a session with a device can begin while that device sleeps.
#pragma once

#include <optional>

#include "client/native/e2ee/signal/XEdDsa.hpp"

namespace sotto::e2ee::signal {

/// A one-time prekey's public half.
struct PublicPreKey {
  uint32_t id = 0;
  PublicKey key;
};

/// A signed prekey's public half.
struct PublicSignedPreKey {
  uint32_t id = 0;
  PublicKey key;
  Signature signature{};  ///< by the identity key, over the 33 bytes of `key`
};

struct PreKeyBundle {
  uint32_t registrationId = 0;
  PublicKey identityKey;
  PublicSignedPreKey signedPreKey;
  std::optional<PublicPreKey> oneTimePreKey;

  /// A bundle as it came from the directory: keys as 33 bytes each.
  struct Parts {
    uint32_t registrationId = 0;
    base::ByteView identityKey;
    uint32_t signedPreKeyId = 0;
    base::ByteView signedPreKey;
    base::ByteView signature;
    std::optional<uint32_t> preKeyId;
    base::ByteView preKey;  ///< read when there is a preKeyId
  };
  /// InvalidKey, Malformed (a signature that is not 64 bytes), InvalidSignature.
  static Result<PreKeyBundle> fromParts(const Parts& parts);

  /// Whether the identity key signed the signed prekey.
  bool isSigned() const;
};

}  // namespace sotto::e2ee::signal
