// Curve25519 public keys on the wire; see the header.
#include "client/native/e2ee/signal/PublicKey.hpp"

#include <algorithm>

namespace sotto::e2ee::signal {
namespace {

/// u < p = 2^255 - 19, little-endian; a set top bit is above p as well.
bool isCanonical(base::ByteView u) {
  if (u[31] != 0x7f) return u[31] < 0x7f;
  for (size_t i = 30; i > 0; --i) {
    if (u[i] != 0xff) return true;
  }
  return u[0] < 0xed;
}

}  // namespace

Result<PublicKey> PublicKey::parse(base::ByteView wire) {
  if (wire.size() != wireSize || wire[0] != typeCurve25519) return refuse(SignalError::InvalidKey);
  if (!isCanonical(wire.subspan(1))) return refuse(SignalError::InvalidKey);
  return fromU(wire.subspan(1));
}

PublicKey PublicKey::fromU(base::ByteView u) {
  PublicKey key;
  std::copy_n(u.begin(), key.u_.size(), key.u_.begin());
  return key;
}

PublicKey::Wire PublicKey::serialize() const {
  Wire wire;
  wire[0] = typeCurve25519;
  std::copy(u_.begin(), u_.end(), wire.begin() + 1);
  return wire;
}

}  // namespace sotto::e2ee::signal
