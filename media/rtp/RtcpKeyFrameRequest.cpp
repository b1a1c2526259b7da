#include "media/rtp/RtcpKeyFrameRequest.hpp"

namespace sotto::rtp {

tl::expected<Pli, ParseError> parsePli(const RtcpPacketView& packet) {
  if (packet.body.size() < 8) return tl::make_unexpected(ParseError::Truncated);
  return Pli{base::loadU32(&packet.body[0]), base::loadU32(&packet.body[4])};
}

size_t writePli(const Pli& pli, base::MutableByteView out) {
  base::ByteWriter writer(out);
  writeRtcpHeader(writer, fmtPli, RtcpType::PayloadFeedback, 12);
  writer.u32(pli.senderSsrc);
  writer.u32(pli.mediaSsrc);
  return writer.ok() ? writer.position() : 0;
}

tl::expected<FirView, ParseError> FirView::parse(const RtcpPacketView& packet) {
  if (packet.body.size() < 16) return tl::make_unexpected(ParseError::Truncated);
  if (packet.body.size() % 8 != 0) return tl::make_unexpected(ParseError::BadLength);
  FirView view;
  view.senderSsrc = base::loadU32(&packet.body[0]);
  view.entries_ = packet.body.subspan(8);
  return view;
}

size_t writeFir(uint32_t senderSsrc, uint32_t mediaSsrc, uint8_t sequence, base::MutableByteView out) {
  base::ByteWriter writer(out);
  writeRtcpHeader(writer, fmtFir, RtcpType::PayloadFeedback, 20);
  writer.u32(senderSsrc);
  writer.u32(0);  // "media source" is unused in FIR, the entry names it
  writer.u32(mediaSsrc);
  writer.u8(sequence);
  writer.u24(0);
  return writer.ok() ? writer.position() : 0;
}

}  // namespace sotto::rtp
