#include "media/rtp/RtcpPacket.hpp"

namespace sotto::rtp {

std::optional<RtcpPacketView> RtcpReader::fail(ParseError error) {
  error_ = error;
  rest_ = {};
  return std::nullopt;
}

std::optional<RtcpPacketView> RtcpReader::next() {
  if (rest_.empty()) return std::nullopt;
  if (rest_.size() < 4) return fail(ParseError::Truncated);
  if (rest_[0] >> 6 != 2) return fail(ParseError::Version);
  const size_t size = 4 * (static_cast<size_t>(base::loadU16(&rest_[2])) + 1);
  if (size > rest_.size()) return fail(ParseError::BadLength);
  RtcpPacketView packet;
  packet.count = rest_[0] & 0x1F;
  packet.type = rest_[1];
  packet.whole = rest_.first(size);
  packet.body = packet.whole.subspan(4);
  // Transport-wide feedback says itself where it ends, and some senders set the padding bit on it wrongly.
  const bool selfDelimiting = packet.isFeedback(RtcpType::TransportFeedback, fmtTransportWide);
  if (rest_[0] & 0x20 && !selfDelimiting) {
    const size_t padding = packet.body.empty() ? 0 : packet.body.back();
    if (padding == 0 || padding > packet.body.size()) return fail(ParseError::BadPadding);
    packet.body = packet.body.first(packet.body.size() - padding);
  }
  rest_ = rest_.subspan(size);
  return packet;
}

void writeRtcpHeader(base::ByteWriter& out, uint8_t count, RtcpType type, size_t packetSize) {
  out.u8(static_cast<uint8_t>(0x80 | (count & 0x1F)));
  out.u8(static_cast<uint8_t>(type));
  out.u16(static_cast<uint16_t>(packetSize / 4 - 1));
}

}  // namespace sotto::rtp
