#include "media/rtp/RtcpNack.hpp"

namespace sotto::rtp {

tl::expected<NackView, ParseError> NackView::parse(const RtcpPacketView& packet) {
  if (packet.body.size() < 12) return tl::make_unexpected(ParseError::Truncated);
  if (packet.body.size() % 4 != 0) return tl::make_unexpected(ParseError::BadLength);
  NackView view;
  view.senderSsrc = base::loadU32(&packet.body[0]);
  view.mediaSsrc = base::loadU32(&packet.body[4]);
  view.items_ = packet.body.subspan(8);
  return view;
}

size_t writeNack(uint32_t senderSsrc, uint32_t mediaSsrc, std::span<const uint16_t> sequenceNumbers,
                 base::MutableByteView out) {
  if (sequenceNumbers.empty()) return 0;
  base::ByteWriter writer(out);
  writeRtcpHeader(writer, fmtNack, RtcpType::TransportFeedback, 4);  // length set below
  writer.u32(senderSsrc);
  writer.u32(mediaSsrc);
  for (size_t i = 0; i < sequenceNumbers.size();) {
    const uint16_t pid = sequenceNumbers[i++];
    uint16_t mask = 0;
    while (i < sequenceNumbers.size()) {
      const uint16_t distance = static_cast<uint16_t>(sequenceNumbers[i] - pid);
      if (distance > 16) break;
      if (distance > 0) mask = static_cast<uint16_t>(mask | 1U << (distance - 1));
      ++i;
    }
    writer.u16(pid);
    writer.u16(mask);
  }
  if (!writer.ok()) return 0;
  base::storeU16(&out[2], static_cast<uint16_t>(writer.position() / 4 - 1));
  return writer.position();
}

}  // namespace sotto::rtp
