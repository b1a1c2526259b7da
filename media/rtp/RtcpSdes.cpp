#include "media/rtp/RtcpSdes.hpp"

#include <algorithm>

namespace sotto::rtp {
namespace {
constexpr uint8_t itemEnd = 0;
constexpr uint8_t itemCname = 1;
}  // namespace

tl::expected<SdesCname, ParseError> parseSdesCname(const RtcpPacketView& packet) {
  base::ByteReader in(packet.body);
  for (unsigned chunk = 0; chunk < packet.count; ++chunk) {
    const size_t begin = in.position();
    const uint32_t ssrc = in.u32();
    while (in.ok()) {
      const uint8_t item = in.u8();
      if (item == itemEnd) break;
      const base::ByteView text = in.bytes(in.u8());
      if (!in.ok()) break;
      if (item == itemCname) {
        return SdesCname{ssrc, {reinterpret_cast<const char*>(text.data()), text.size()}};
      }
    }
    in.skip((4 - (in.position() - begin) % 4) % 4);  // chunks end on a word
  }
  return tl::make_unexpected(in.ok() ? ParseError::BadValue : ParseError::Truncated);
}

size_t writeSdesCname(uint32_t ssrc, std::string_view cname, base::MutableByteView out) {
  const size_t length = std::min<size_t>(cname.size(), 255);
  const size_t unpadded = 4 + 4 + 2 + length + 1;  // header, SSRC, item, at least one end byte
  const size_t size = (unpadded + 3) / 4 * 4;
  base::ByteWriter writer(out);
  writeRtcpHeader(writer, 1, RtcpType::SourceDescription, size);
  writer.u32(ssrc);
  writer.u8(itemCname);
  writer.u8(static_cast<uint8_t>(length));
  writer.bytes({reinterpret_cast<const uint8_t*>(cname.data()), length});
  writer.fill(itemEnd, 1 + size - unpadded);
  return writer.ok() ? writer.position() : 0;
}

}  // namespace sotto::rtp
