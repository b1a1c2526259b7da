// The AES-CM key derivation of SRTP (RFC 3711 section 4.3, with AES-256 per RFC 6188 and 96-bit salts per
// RFC 7714 section 11), for a key derivation rate of zero.
#pragma once

#include <cstdint>

#include "media/base/Bytes.hpp"

namespace sotto::srtp {

/// Which session key is derived (RFC 3711 sections 4.3.1 and 4.3.2).
enum class KeyLabel : uint8_t {
  RtpCipherKey = 0,
  RtpAuthKey = 1,
  RtpCipherSalt = 2,
  RtcpCipherKey = 3,
  RtcpAuthKey = 4,
  RtcpCipherSalt = 5
};

/// Fills `out` (any length to 2^20 bytes) with the session key of `label`. `masterKey` has 16 or 32 bytes,
/// `masterSalt` at most 14; a shorter salt is padded with zero bytes on its right. Throws std::runtime_error
/// on other sizes and when OpenSSL fails.
void deriveKey(base::ByteView masterKey, base::ByteView masterSalt, KeyLabel label,
               base::MutableByteView out);

}  // namespace sotto::srtp
