// The RTX payload format (RFC 4588 section 4): the original sequence number, then the original payload.
#pragma once

#include "media/rtp/RtpPacket.hpp"

namespace sotto::rtp {

inline constexpr size_t rtxHeaderSize = 2;

struct RtxPayload {
  uint16_t originalSequence = 0;  ///< OSN
  base::ByteView payload;         ///< of the original packet
};
/// Truncated when the payload is shorter than the OSN: padding that probes for bandwidth looks like that.
tl::expected<RtxPayload, ParseError> parseRtx(base::ByteView payload);

}  // namespace sotto::rtp
