// The keys of the Double Ratchet and how each follows from the last one, with Signal's labels (message
// version 3; "The Double Ratchet Algorithm", sections 2.2 to 2.4).
#pragma once

#include <cstdint>
#include <optional>

#include "client/native/e2ee/signal/PrivateKey.hpp"

namespace sotto::e2ee::signal {

/// What seals one message.
struct MessageKeys {
  Secret32 cipherKey;  ///< AES-256-CBC
  Secret32 macKey;     ///< HMAC-SHA256
  SecretArray<16> iv;

  /// The keys of the message whose seed this is: HKDF(seed, "WhisperMessageKeys").
  static MessageKeys derive(const Secret32& seed);
};

/// One step of a sending or receiving chain.
struct ChainKey {
  Secret32 key;
  uint32_t index = 0;  ///< the counter of the message that `seed` belongs to

  /// HMAC(key, 0x01): what a skipped message needs kept.
  Secret32 seed() const;
  /// HMAC(key, 0x02) and the next index, which must exist: index is below 2^32 - 1.
  ChainKey next() const;
};

struct RootKey;

/// The outcome of a step of the root chain.
struct RootStep;

struct RootKey {
  Secret32 key;

  /// A Diffie-Hellman step: HKDF(X25519(ours, theirs), salt key, "WhisperRatchet"). InvalidKey when `theirs`
  /// is of low order.
  Result<RootStep> step(const PublicKey& theirs, const PrivateKey& ours) const;
};

struct RootStep {
  RootKey root;
  ChainKey chain;
};

/// Root and first chain key of the secrets that X3DH agreed on: HKDF(secrets, "WhisperText").
RootStep deriveFirstKeys(base::ByteView secrets);

/// HMAC-SHA256 under a key of any length.
Secret32 hmacSha256(base::ByteView key, base::ByteView data);

}  // namespace sotto::e2ee::signal
