// Reading STUN messages: RFC 8489 sections 5, 6.3 and 14.
#include "media/ice/Stun.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "media/ice/StunFormat.hpp"

namespace sotto::ice {
namespace {

/// Type and length bits: class C1 C0 lies between the method's (RFC 8489 figure 3).
StunClass classOf(uint16_t type) {
  return static_cast<StunClass>((type >> 7 & 2) | (type >> 4 & 1));
}
uint16_t methodOf(uint16_t type) {
  return static_cast<uint16_t>((type & 0x000f) | (type >> 1 & 0x0070) | (type >> 2 & 0x0f80));
}

/// XOR-MAPPED-ADDRESS (section 14.2): the port and address are xored with the cookie and transaction id,
/// that is, with the header from its fifth byte on.
std::optional<base::SocketAddress> readXorAddress(base::ByteView value, base::ByteView header) {
  base::ByteReader reader(value);
  reader.skip(1);
  const uint8_t family = reader.u8();
  base::SocketAddress address;
  address.port = static_cast<uint16_t>(reader.u16() ^ stunMagicCookie >> 16);
  const size_t length = family == familyV4 ? 4 : 16;
  const base::ByteView bytes = reader.bytes(length);
  if (!reader.ok() || reader.remaining() != 0 || (family != familyV4 && family != familyV6)) {
    return std::nullopt;
  }
  std::array<uint8_t, 16> ip{};
  for (size_t i = 0; i < length; ++i) ip[i] = bytes[i] ^ header[4 + i];
  if (family == familyV4) return base::SocketAddress::v4(ip[0], ip[1], ip[2], ip[3], address.port);
  address.ip = ip;
  return address;
}

std::optional<uint16_t> readErrorCode(base::ByteView value) {
  if (value.size() < 4) return std::nullopt;
  const int hundreds = value[2] & 7;
  if (hundreds < 3 || hundreds > 6 || value[3] > 99) return std::nullopt;
  return static_cast<uint16_t>(hundreds * 100 + value[3]);
}

/// Sets `target` from the first attribute of its kind; later ones are ignored (section 14).
template <typename T>
bool setOnce(std::optional<T>& target, std::optional<T> value) {
  if (!value) return false;
  if (!target) target = value;
  return true;
}
std::optional<uint32_t> readU32(base::ByteView value) {
  return value.size() == 4 ? std::optional(base::loadU32(value.data())) : std::nullopt;
}
std::optional<uint64_t> readU64(base::ByteView value) {
  return value.size() == 8 ? std::optional(base::loadU64(value.data())) : std::nullopt;
}

/// One attribute before MESSAGE-INTEGRITY. False when its value is malformed.
bool readAttribute(uint16_t type, base::ByteView value, base::ByteView header, StunMessage& message) {
  switch (static_cast<StunAttribute>(type)) {
    case StunAttribute::Username:
      if (message.username.empty() && !value.empty()) {
        message.username = {reinterpret_cast<const char*>(value.data()), value.size()};
      }
      return true;
    case StunAttribute::Priority:
      return setOnce(message.priority, readU32(value));
    case StunAttribute::UseCandidate:
      message.useCandidate = true;
      return value.empty();
    case StunAttribute::IceControlled:
      return setOnce(message.iceControlled, readU64(value));
    case StunAttribute::IceControlling:
      return setOnce(message.iceControlling, readU64(value));
    case StunAttribute::XorMappedAddress:
      return setOnce(message.xorMappedAddress, readXorAddress(value, header));
    case StunAttribute::ErrorCode:
      return setOnce(message.errorCode, readErrorCode(value));
    case StunAttribute::UnknownAttributes:
      return true;
    default:
      if (type < 0x8000 && message.unknownRequired == 0) message.unknownRequired = type;
      return true;
  }
}

}  // namespace

const char* toString(StunError error) {
  switch (error) {
    case StunError::NotStun:
      return "not STUN";
    case StunError::Truncated:
      return "truncated";
    case StunError::BadLength:
      return "bad length";
    case StunError::BadAttribute:
      return "bad attribute";
    case StunError::BadFingerprint:
      return "bad fingerprint";
  }
  return "unknown";
}

bool StunMessage::looksLikeStun(base::ByteView datagram) {
  return datagram.size() >= stunHeaderLength && datagram[0] <= 3 &&
         base::loadU32(&datagram[4]) == stunMagicCookie;
}

tl::expected<StunMessage, StunError> StunMessage::parse(base::ByteView datagram) {
  if (datagram.size() < stunHeaderLength) return tl::make_unexpected(StunError::Truncated);
  if (!looksLikeStun(datagram)) return tl::make_unexpected(StunError::NotStun);
  const size_t length = base::loadU16(&datagram[2]);
  if (length % 4 != 0 || length != datagram.size() - stunHeaderLength) {
    return tl::make_unexpected(StunError::BadLength);
  }

  StunMessage message;
  const uint16_t type = base::loadU16(datagram.data());
  message.messageClass = classOf(type);
  message.method = methodOf(type);
  std::copy_n(&datagram[8], message.transactionId.size(), message.transactionId.begin());
  message.datagram_ = datagram;

  base::ByteReader reader(datagram);
  reader.skip(stunHeaderLength);
  while (reader.remaining() > 0) {
    const size_t offset = reader.position();
    const uint16_t attribute = reader.u16();
    const size_t size = reader.u16();
    const base::ByteView value = reader.bytes(size);
    reader.skip((4 - size % 4) % 4);
    if (!reader.ok()) return tl::make_unexpected(StunError::BadAttribute);

    if (attribute == static_cast<uint16_t>(StunAttribute::Fingerprint)) {
      if (size != fingerprintLength || reader.remaining() != 0) {
        return tl::make_unexpected(StunError::BadAttribute);
      }
      if ((crc32(datagram.first(offset)) ^ fingerprintXor) != base::loadU32(value.data())) {
        return tl::make_unexpected(StunError::BadFingerprint);
      }
      message.hasFingerprint = true;
    } else if (message.hasMessageIntegrity) {
      // Nothing vouches for it: ignored (section 14.5).
    } else if (attribute == static_cast<uint16_t>(StunAttribute::MessageIntegrity)) {
      if (size != integrityLength) return tl::make_unexpected(StunError::BadAttribute);
      message.hasMessageIntegrity = true;
      message.integrityOffset_ = offset;
    } else if (!readAttribute(attribute, value, datagram, message)) {
      return tl::make_unexpected(StunError::BadAttribute);
    }
  }
  return message;
}

bool StunMessage::verifyIntegrity(std::string_view password) const {
  if (!hasMessageIntegrity) return false;
  std::array<uint8_t, integrityLength> expected{};
  const base::ByteView key(reinterpret_cast<const uint8_t*>(password.data()), password.size());
  return computeIntegrity(datagram_, integrityOffset_, key, expected) &&
         CRYPTO_memcmp(expected.data(), &datagram_[integrityOffset_ + stunAttributeHeader],
                       integrityLength) == 0;
}

}  // namespace sotto::ice
