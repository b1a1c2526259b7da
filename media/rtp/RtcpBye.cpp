#include "media/rtp/RtcpBye.hpp"

#include <algorithm>

namespace sotto::rtp {

tl::expected<Bye, ParseError> parseBye(const RtcpPacketView& packet) {
  base::ByteReader in(packet.body);
  Bye bye;
  bye.count = packet.count;
  for (size_t i = 0; i < bye.count; ++i) bye.ssrcs[i] = in.u32();
  if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
  return bye;
}

size_t writeBye(std::span<const uint32_t> ssrcs, base::MutableByteView out) {
  ssrcs = ssrcs.first(std::min<size_t>(ssrcs.size(), 31));
  base::ByteWriter writer(out);
  writeRtcpHeader(writer, static_cast<uint8_t>(ssrcs.size()), RtcpType::Bye, 4 + 4 * ssrcs.size());
  for (const uint32_t ssrc : ssrcs) writer.u32(ssrc);
  return writer.ok() ? writer.position() : 0;
}

}  // namespace sotto::rtp
