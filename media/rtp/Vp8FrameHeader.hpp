// A look at the first bytes of a VP8 frame (RFC 6386 section 9.1): they stay clear in sealed frames.
#pragma once

#include "media/rtp/RtpPacket.hpp"

namespace sotto::rtp {

struct Vp8FrameHeader {
  bool keyFrame = false;
  uint16_t width = 0, height = 0;  ///< 14 bits each; key frames only, else 0
};
/// Truncated: fewer than 3 bytes (10 on key frames). BadValue: a key frame without its start code.
tl::expected<Vp8FrameHeader, ParseError> parseVp8FrameHeader(base::ByteView frame);

}  // namespace sotto::rtp
