// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03).
#pragma once

#include <array>
#include <span>

#include "media/base/Units.hpp"
#include "media/rtp/RtcpPacket.hpp"

namespace sotto::rtp {

struct Remb {
  static constexpr size_t maxSsrcs = 16;  ///< further ones are ignored
  uint32_t senderSsrc = 0;
  base::DataRate bitrate;
  std::array<uint32_t, maxSsrcs> ssrcs{};
  size_t ssrcCount = 0;
};
tl::expected<Remb, ParseError> parseRemb(const RtcpPacketView& packet);
/// The rate is rounded down to 18 significant bits. Returns the packet's size, or 0 when `out` is too small.
size_t writeRemb(const Remb& remb, base::MutableByteView out);

}  // namespace sotto::rtp
