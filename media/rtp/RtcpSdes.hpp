// SDES with a CNAME for each source (RFC 3550 section 6.5).
#pragma once

#include <string_view>

#include "media/rtp/RtcpPacket.hpp"

namespace sotto::rtp {

/// The CNAME of the packet's first chunk that has one; `text` is a view into the packet.
struct SdesCname {
  uint32_t ssrc = 0;
  std::string_view text;
};
tl::expected<SdesCname, ParseError> parseSdesCname(const RtcpPacketView& packet);

/// Writes one SDES packet with one chunk. `cname` is cut at 255 bytes. Returns its size, or 0 when too small.
size_t writeSdesCname(uint32_t ssrc, std::string_view cname, base::MutableByteView out);

}  // namespace sotto::rtp
