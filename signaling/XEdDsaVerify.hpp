// XEdDSA signatures over Curve25519 keys, verified (signal.org/docs/specifications/xeddsa, as deployed: the
// sign of the Edwards key stands in the top bit of the signature). Public values only.
#pragma once

#include <string_view>

namespace sotto::signaling {

/// Whether this is a public key as devices upload it: 33 bytes, 0x05 and a little-endian u coordinate below
/// 2^255 - 19, that is not of low order (which would make every agreement with it the same).
bool isUsableCurveKey(std::string_view key);

/// Whether `signature` (64 bytes) over `message` was made with the private key of `key` (33 bytes).
/// False for keys that isUsableCurveKey() does not take.
bool verifyXEdDsa(std::string_view key, std::string_view message, std::string_view signature);

}  // namespace sotto::signaling
