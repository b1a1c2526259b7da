// Signatures by Curve25519 keys: XEdDSA as Signal has it deployed. The sign of the Edwards point travels in
// the top bit of the signature, where the XEdDSA specification (revision 1) negates the scalar instead.
#pragma once

#include <array>

#include "client/native/e2ee/signal/PrivateKey.hpp"

namespace sotto::e2ee::signal {

/// R (32 bytes), then s (32 bytes) with the sign of the public point in the last byte's top bit.
using Signature = std::array<uint8_t, 64>;

/// Signs with 64 fresh bytes of `random`, so that two signatures of one message differ. Constant time.
Signature sign(const PrivateKey& key, base::ByteView message, base::Random& random);

/// False for a wrong signature, a wrong length, s not reduced, and points of low order.
bool verify(const PublicKey& key, base::ByteView message, base::ByteView signature);

}  // namespace sotto::e2ee::signal
