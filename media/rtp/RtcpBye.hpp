// BYE (RFC 3550 section 6.6).
#pragma once

#include <array>
#include <span>

#include "media/rtp/RtcpPacket.hpp"

namespace sotto::rtp {

/// The sources that leave; a reason for leaving is ignored.
struct Bye {
  std::array<uint32_t, 31> ssrcs{};
  size_t count = 0;
};
tl::expected<Bye, ParseError> parseBye(const RtcpPacketView& packet);

/// At most 31 sources are written. Returns the packet's size, or 0 when `out` is too small.
size_t writeBye(std::span<const uint32_t> ssrcs, base::MutableByteView out);

}  // namespace sotto::rtp
