// Curve25519 private keys and X25519 agreement (RFC 7748), over libsodium.
#pragma once

#include "client/native/e2ee/signal/PublicKey.hpp"
#include "client/native/e2ee/signal/SecretArray.hpp"
#include "media/base/Random.hpp"

namespace sotto::e2ee::signal {

/// A clamped scalar, wiped when it goes.
class PrivateKey {
 public:
  static constexpr size_t size = 32;

  /// The clamped zero: a placeholder in values that are about to be filled.
  PrivateKey() = default;
  static PrivateKey generate(base::Random& random);
  /// From exactly 32 bytes; clamps them as RFC 7748 section 5 says.
  static PrivateKey fromBytes(base::ByteView bytes);

  PublicKey publicKey() const;
  /// X25519, in constant time. InvalidKey when the result is all zeros: `theirs` is of low order, and the
  /// "secret" would be known to everyone.
  Result<Secret32> agree(const PublicKey& theirs) const;
  base::ByteView view() const { return scalar_.view(); }

 private:
  Secret32 scalar_;
};

/// A private key and its public key.
struct KeyPair {
  PrivateKey privateKey;
  PublicKey publicKey;

  static KeyPair generate(base::Random& random) { return of(PrivateKey::generate(random)); }
  static KeyPair of(const PrivateKey& key) { return {key, key.publicKey()}; }
};

}  // namespace sotto::e2ee::signal
