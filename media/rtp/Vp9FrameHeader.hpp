// A look at the uncompressed header of a VP9 frame (VP9 bitstream specification section 6.2), for rooms
// without end-to-end encryption; sealed VP9 frames have no clear bytes.
#pragma once

#include "media/rtp/RtpPacket.hpp"

namespace sotto::rtp {

struct Vp9FrameHeader {
  bool keyFrame = false;
  bool showExistingFrame = false;
  uint16_t width = 0, height = 0;  ///< pixels, key frames only, else 0 (65,536 is given as 65,535)
};
/// Truncated, or BadValue: wrong frame marker or sync code.
tl::expected<Vp9FrameHeader, ParseError> parseVp9FrameHeader(base::ByteView frame);

}  // namespace sotto::rtp
