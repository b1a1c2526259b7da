// X25519 by libsodium; see the header.
#include "client/native/e2ee/signal/PrivateKey.hpp"

#include <sodium/crypto_scalarmult_curve25519.h>

#include "client/native/e2ee/SecretNotice.hpp"

namespace sotto::e2ee::signal {

PrivateKey PrivateKey::generate(base::Random& random) {
  Secret32 bytes;
  random.fill(bytes.writable());
  return fromBytes(bytes.view());
}

PrivateKey PrivateKey::fromBytes(base::ByteView bytes) {
  PrivateKey key;
  key.scalar_ = Secret32(bytes);
  uint8_t* scalar = key.scalar_.data();
  scalar[0] &= 0xf8;
  scalar[31] = static_cast<uint8_t>((scalar[31] & 0x7f) | 0x40);
  client::e2ee::noticeSecret("private key", key.scalar_.view());
  return key;
}

PublicKey PrivateKey::publicKey() const {
  std::array<uint8_t, 32> u;
  crypto_scalarmult_curve25519_base(u.data(), scalar_.data());
  return PublicKey::fromU(u);
}

Result<Secret32> PrivateKey::agree(const PublicKey& theirs) const {
  Secret32 shared;
  if (crypto_scalarmult_curve25519(shared.data(), scalar_.data(), theirs.u().data()) != 0) {
    return refuse(SignalError::InvalidKey);
  }
  client::e2ee::noticeSecret("shared secret", shared.view());
  return shared;
}

}  // namespace sotto::e2ee::signal
