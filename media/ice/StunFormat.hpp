// Numbers of the STUN wire format (RFC 8489 sections 5 and 18, RFC 8445 section 20.2).
#pragma once

#include <array>
#include <cstdint>

#include "media/base/Bytes.hpp"

namespace sotto::ice {

constexpr size_t stunHeaderLength = 20;
constexpr size_t stunAttributeHeader = 4;
constexpr uint32_t stunMagicCookie = 0x2112a442;
constexpr uint16_t stunBinding = 1;
constexpr size_t integrityLength = 20;
constexpr size_t fingerprintLength = 4;
constexpr uint32_t fingerprintXor = 0x5354554e;

enum class StunAttribute : uint16_t {
  Username = 0x0006,
  MessageIntegrity = 0x0008,
  ErrorCode = 0x0009,
  UnknownAttributes = 0x000a,
  XorMappedAddress = 0x0020,
  Priority = 0x0024,
  UseCandidate = 0x0025,
  Fingerprint = 0x8028,
  IceControlled = 0x8029,
  IceControlling = 0x802a,
};

constexpr uint8_t familyV4 = 1;
constexpr uint8_t familyV6 = 2;

/// CRC-32 of ITU V.42, as FINGERPRINT takes it.
uint32_t crc32(base::ByteView bytes);

/// HMAC-SHA1 over a STUN message up to (not including) its MESSAGE-INTEGRITY at `integrityOffset`, with the
/// header's length counted as if the message ended right after that attribute (RFC 8489 section 14.5).
/// False when OpenSSL fails.
bool computeIntegrity(base::ByteView message, size_t integrityOffset, base::ByteView key,
                      std::array<uint8_t, integrityLength>& out);

}  // namespace sotto::ice
