// What SRTP needs to know of a packet's outside: where the RTP header ends (RFC 3550 section 5) and which
// 48-bit index a 16-bit sequence number stands for (RFC 3711 section 3.3.1).
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Bytes.hpp"

namespace sotto::srtp {

constexpr size_t rtpFixedHeader = 12;
/// First header and sender SSRC of an RTCP packet: what stays clear in SRTCP.
constexpr size_t rtcpClearHeader = 8;

/// Length of the RTP header with CSRCs and extension, or nullopt when `packet` is not RTP or ends within it.
inline std::optional<size_t> rtpHeaderLength(base::ByteView packet) {
  if (packet.size() < rtpFixedHeader || packet[0] >> 6 != 2) return std::nullopt;
  size_t length = rtpFixedHeader + size_t{4} * (packet[0] & 0x0f);
  if ((packet[0] & 0x10) != 0) {
    if (packet.size() < length + 4) return std::nullopt;
    length += 4 + size_t{4} * base::loadU16(&packet[length + 2]);
  }
  if (packet.size() < length) return std::nullopt;
  return length;
}

/// The index nearest to `highest` whose low 16 bits are `sequence`. In the first half of the first cycle
/// nothing can come from before it, so there the roll-over counter is zero.
inline uint64_t guessPacketIndex(uint64_t highest, uint16_t sequence) {
  constexpr uint64_t half = 0x8000;
  const uint64_t cycle = highest & ~uint64_t{0xffff};
  const uint64_t guess = cycle | sequence;
  if (highest < half) return sequence;
  if (guess > highest + half && cycle != 0) return guess - 0x1'0000;
  if (guess + half < highest) return guess + 0x1'0000;
  return guess;
}

}  // namespace sotto::srtp
