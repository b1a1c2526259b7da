#include "media/rtp/RtcpRemb.hpp"

#include <algorithm>

namespace sotto::rtp {
namespace {
constexpr uint32_t identifier = 0x52454D42;  // "REMB"
constexpr int64_t maxMantissa = (1 << 18) - 1;
}  // namespace

tl::expected<Remb, ParseError> parseRemb(const RtcpPacketView& packet) {
  base::ByteReader in(packet.body);
  Remb remb;
  remb.senderSsrc = in.u32();
  in.u32();  // media source, always 0
  const uint32_t name = in.u32();
  const uint8_t count = in.u8();
  const uint32_t packed = in.u24();
  if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
  if (name != identifier) return tl::make_unexpected(ParseError::BadValue);
  const uint32_t exponent = packed >> 18;
  const int64_t mantissa = packed & maxMantissa;
  const int64_t most = base::DataRate::infinite().bps();
  const bool overflow = mantissa != 0 && (exponent > 44 || mantissa > most >> exponent);
  remb.bitrate = base::DataRate::bitsPerSecond(overflow ? most : (exponent > 44 ? 0 : mantissa << exponent));
  for (unsigned i = 0; i < count; ++i) {
    const uint32_t ssrc = in.u32();
    if (remb.ssrcCount < Remb::maxSsrcs) remb.ssrcs[remb.ssrcCount++] = ssrc;
  }
  if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
  return remb;
}

size_t writeRemb(const Remb& remb, base::MutableByteView out) {
  int64_t mantissa = std::max<int64_t>(remb.bitrate.bps(), 0);
  uint32_t exponent = 0;
  while (mantissa > maxMantissa) {
    mantissa >>= 1;
    ++exponent;
  }
  const size_t count = std::min(remb.ssrcCount, Remb::maxSsrcs);
  base::ByteWriter writer(out);
  writeRtcpHeader(writer, fmtRemb, RtcpType::PayloadFeedback, 20 + 4 * count);
  writer.u32(remb.senderSsrc);
  writer.u32(0);
  writer.u32(identifier);
  writer.u8(static_cast<uint8_t>(count));
  writer.u24(exponent << 18 | static_cast<uint32_t>(mantissa));
  for (size_t i = 0; i < count; ++i) writer.u32(remb.ssrcs[i]);
  return writer.ok() ? writer.position() : 0;
}

}  // namespace sotto::rtp
