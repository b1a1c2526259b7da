#include "media/rtp/Vp8FrameHeader.hpp"

namespace sotto::rtp {

tl::expected<Vp8FrameHeader, ParseError> parseVp8FrameHeader(base::ByteView frame) {
  if (frame.size() < 3) return tl::make_unexpected(ParseError::Truncated);
  Vp8FrameHeader header;
  header.keyFrame = (frame[0] & 0x01) == 0;
  if (!header.keyFrame) return header;
  if (frame.size() < 10) return tl::make_unexpected(ParseError::Truncated);
  if (frame[3] != 0x9D || frame[4] != 0x01 || frame[5] != 0x2A) {
    return tl::make_unexpected(ParseError::BadValue);
  }
  // Little-endian, unlike everything else on this wire; the upper two bits are a scaling hint.
  header.width = static_cast<uint16_t>((frame[7] << 8 | frame[6]) & 0x3FFF);
  header.height = static_cast<uint16_t>((frame[9] << 8 | frame[8]) & 0x3FFF);
  return header;
}

}  // namespace sotto::rtp
