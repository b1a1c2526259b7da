// Writing Binding messages: RFC 8489 sections 5 and 14.
#include <algorithm>

#include "media/ice/Stun.hpp"
#include "media/ice/StunFormat.hpp"

namespace sotto::ice {
namespace {

uint16_t bindingType(StunClass messageClass) {
  const auto bits = static_cast<unsigned>(messageClass);
  return static_cast<uint16_t>(stunBinding | (bits & 2) << 7 | (bits & 1) << 4);
}

std::string_view reasonPhrase(uint16_t code) {
  switch (code) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthenticated";
    case 420:
      return "Unknown Attribute";
    case 487:
      return "Role Conflict";
    default:
      return "";
  }
}

class Writer {
 public:
  explicit Writer(base::MutableByteView out) : out_(out), bytes_(out) {}

  void header(const StunFields& fields) {
    bytes_.u16(bindingType(fields.messageClass));
    bytes_.u16(0);
    bytes_.u32(stunMagicCookie);
    bytes_.bytes(fields.transactionId);
  }
  base::ByteWriter& attribute(StunAttribute type, size_t size) {
    bytes_.u16(static_cast<uint16_t>(type));
    bytes_.u16(static_cast<uint16_t>(size));
    return bytes_;
  }
  void text(std::string_view value) {
    bytes_.bytes({reinterpret_cast<const uint8_t*>(value.data()), value.size()});
  }
  void pad() { bytes_.fill(0, (4 - bytes_.position() % 4) % 4); }
  void xorAddress(const base::SocketAddress& address) {
    const size_t length = address.isV4() ? 4 : 16;
    attribute(StunAttribute::XorMappedAddress, 4 + length);
    bytes_.u8(0);
    bytes_.u8(address.isV4() ? familyV4 : familyV6);
    bytes_.u16(static_cast<uint16_t>(address.port ^ stunMagicCookie >> 16));
    if (!bytes_.ok()) return;
    for (size_t i = 0; i < length; ++i) bytes_.u8(address.ip[16 - length + i] ^ out_[4 + i]);
  }
  void error(uint16_t code, uint16_t unknownAttribute) {
    const std::string_view reason = reasonPhrase(code);
    attribute(StunAttribute::ErrorCode, 4 + reason.size());
    bytes_.u16(0);
    bytes_.u8(static_cast<uint8_t>(code / 100));
    bytes_.u8(static_cast<uint8_t>(code % 100));
    text(reason);
    pad();
    if (code == 420) {
      attribute(StunAttribute::UnknownAttributes, 2).u16(unknownAttribute);
      pad();
    }
  }
  void integrity(std::string_view password) {
    const size_t offset = bytes_.position();
    const base::ByteView key(reinterpret_cast<const uint8_t*>(password.data()), password.size());
    std::array<uint8_t, integrityLength> tag{};
    const bool computed = bytes_.ok() && computeIntegrity(bytes_.written(), offset, key, tag);
    if (!computed) return fail();
    attribute(StunAttribute::MessageIntegrity, tag.size()).bytes(tag);
  }
  /// Sets the header's length, which FINGERPRINT itself counts into, and appends it.
  size_t finish() {
    const size_t size = bytes_.position() + stunAttributeHeader + fingerprintLength;
    if (!bytes_.ok() || size > out_.size()) return 0;
    base::storeU16(&out_[2], static_cast<uint16_t>(size - stunHeaderLength));
    const uint32_t fingerprint = crc32(bytes_.written()) ^ fingerprintXor;
    attribute(StunAttribute::Fingerprint, fingerprintLength).u32(fingerprint);
    return bytes_.position();
  }

 private:
  void fail() { bytes_.fill(0, out_.size() + 1); }

  base::MutableByteView out_;
  base::ByteWriter bytes_;
};

}  // namespace

size_t writeStun(const StunFields& fields, std::string_view password, base::MutableByteView out) {
  Writer writer(out);
  writer.header(fields);
  if (!fields.username.empty()) {
    writer.attribute(StunAttribute::Username, fields.username.size());
    writer.text(fields.username);
    writer.pad();
  }
  if (fields.priority) writer.attribute(StunAttribute::Priority, 4).u32(*fields.priority);
  if (fields.useCandidate) writer.attribute(StunAttribute::UseCandidate, 0);
  if (fields.iceControlled) writer.attribute(StunAttribute::IceControlled, 8).u64(*fields.iceControlled);
  if (fields.iceControlling) writer.attribute(StunAttribute::IceControlling, 8).u64(*fields.iceControlling);
  if (fields.xorMappedAddress) writer.xorAddress(*fields.xorMappedAddress);
  if (fields.errorCode) writer.error(*fields.errorCode, fields.unknownAttribute);
  if (!password.empty()) writer.integrity(password);
  return writer.finish();
}

}  // namespace sotto::ice
