#include "media/rtp/RtpPacket.hpp"

#include <algorithm>
#include <span>

namespace sotto::rtp {
namespace {

constexpr size_t fixedHeaderSize = 12;
constexpr uint16_t oneByteProfile = 0xBEDE;
constexpr uint16_t twoByteProfile = 0x1000;  // the low 4 bits are application bits

bool isTwoByteProfile(uint16_t profile) {
  return (profile & 0xFFF0) == twoByteProfile;
}

struct Element {
  uint8_t id = 0;
  base::ByteView value;
};

/// Takes one element off `rest`; false at the end of the block or when it is malformed.
bool nextElement(base::ByteView& rest, bool twoByte, Element& element) {
  while (!rest.empty() && rest[0] == 0) rest = rest.subspan(1);  // padding
  if (rest.empty()) return false;
  size_t valueAt = 1;
  size_t length = 0;
  if (twoByte) {
    if (rest.size() < 2) return false;
    element.id = rest[0];
    length = rest[1];
    valueAt = 2;
  } else {
    element.id = rest[0] >> 4;
    if (element.id == 15) return false;  // RFC 8285 section 4.2: stop here
    length = static_cast<size_t>(rest[0] & 0x0F) + 1;
  }
  if (rest.size() < valueAt + length) return false;
  element.value = rest.subspan(valueAt, length);
  rest = rest.subspan(valueAt + length);
  return true;
}

bool fitsOneByte(const ExtensionElement& element) {
  return element.id <= 14 && !element.value.empty() && element.value.size() <= 16;
}

void writeElements(std::span<const ExtensionElement> extensions, bool oneByte, base::ByteWriter& out) {
  for (const ExtensionElement& element : extensions) {
    if (element.id == 0) continue;
    const size_t size = std::min<size_t>(element.value.size(), 255);
    if (oneByte) {
      out.u8(static_cast<uint8_t>(static_cast<unsigned>(element.id) << 4 | (size - 1)));
    } else {
      out.u8(element.id);
      out.u8(static_cast<uint8_t>(size));
    }
    out.bytes(element.value.first(size));
  }
}

}  // namespace

const char* toString(ParseError error) {
  switch (error) {
    case ParseError::Truncated:
      return "truncated";
    case ParseError::Version:
      return "version";
    case ParseError::BadLength:
      return "bad_length";
    case ParseError::BadPadding:
      return "bad_padding";
    case ParseError::BadValue:
      return "bad_value";
  }
  return "unknown";
}

bool looksLikeRtcp(base::ByteView datagram) {
  return datagram.size() >= 2 && datagram[0] >> 6 == 2 && datagram[1] >= 192 && datagram[1] <= 223;
}

bool looksLikeRtp(base::ByteView datagram) {
  return datagram.size() >= fixedHeaderSize && datagram[0] >> 6 == 2;
}

tl::expected<RtpPacketView, ParseError> RtpPacketView::parse(base::ByteView packet) {
  if (packet.size() < fixedHeaderSize) return tl::make_unexpected(ParseError::Truncated);
  if (packet[0] >> 6 != 2) return tl::make_unexpected(ParseError::Version);
  const bool hasPadding = packet[0] & 0x20;
  const bool hasExtension = packet[0] & 0x10;
  RtpPacketView view;
  view.packet_ = packet;
  view.marker = packet[1] & 0x80;
  view.payloadType = packet[1] & 0x7F;
  view.sequenceNumber = base::loadU16(&packet[2]);
  view.timestamp = base::loadU32(&packet[4]);
  view.ssrc = base::loadU32(&packet[8]);
  view.headerSize = fixedHeaderSize + 4 * static_cast<size_t>(packet[0] & 0x0F);
  if (hasExtension) {
    if (packet.size() < view.headerSize + 4) return tl::make_unexpected(ParseError::Truncated);
    view.extensionProfile_ = base::loadU16(&packet[view.headerSize]);
    const size_t extensionSize = 4 * static_cast<size_t>(base::loadU16(&packet[view.headerSize + 2]));
    view.headerSize += 4;
    if (packet.size() < view.headerSize + extensionSize) return tl::make_unexpected(ParseError::BadLength);
    view.extensions_ = packet.subspan(view.headerSize, extensionSize);
    view.headerSize += extensionSize;
  }
  if (packet.size() < view.headerSize) return tl::make_unexpected(ParseError::Truncated);
  if (hasPadding) {
    view.paddingSize = packet.back();
    if (view.paddingSize == 0 || view.paddingSize > packet.size() - view.headerSize) {
      return tl::make_unexpected(ParseError::BadPadding);
    }
  }
  return view;
}

std::optional<base::ByteView> RtpPacketView::extension(uint8_t id) const {
  const bool twoByte = isTwoByteProfile(extensionProfile_);
  if (id == 0 || (!twoByte && extensionProfile_ != oneByteProfile)) return std::nullopt;
  base::ByteView rest = extensions_;
  Element element;
  while (nextElement(rest, twoByte, element)) {
    if (element.id == id) return element.value;
  }
  return std::nullopt;
}

std::string_view RtpPacketView::extensionText(uint8_t id) const {
  const auto value = extension(id);
  if (!value || value->empty()) return {};
  return {reinterpret_cast<const char*>(value->data()), value->size()};
}

size_t writeRtpHeader(const RtpHeader& header, std::span<const ExtensionElement> extensions,
                      base::MutableByteView out) {
  bool any = false;
  bool oneByte = true;
  for (const ExtensionElement& element : extensions) {
    if (element.id == 0) continue;
    any = true;
    oneByte = oneByte && fitsOneByte(element);
  }
  base::ByteWriter writer(out);
  writer.u8(any ? 0x90 : 0x80);
  writer.u8(static_cast<uint8_t>((header.marker ? 0x80 : 0) | (header.payloadType & 0x7F)));
  writer.u16(header.sequenceNumber);
  writer.u32(header.timestamp);
  writer.u32(header.ssrc);
  if (any) {
    writer.u16(oneByte ? oneByteProfile : twoByteProfile);
    writer.u16(0);  // length in words, set below
    const size_t begin = writer.position();
    writeElements(extensions, oneByte, writer);
    writer.fill(0, (4 - (writer.position() - begin) % 4) % 4);
    if (writer.ok()) {
      base::storeU16(&out[begin - 2], static_cast<uint16_t>((writer.position() - begin) / 4));
    }
  }
  return writer.ok() ? writer.position() : 0;
}

}  // namespace sotto::rtp
