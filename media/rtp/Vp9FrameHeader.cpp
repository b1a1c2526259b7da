#include "media/rtp/Vp9FrameHeader.hpp"

#include <algorithm>

namespace sotto::rtp {
namespace {

/// Bits from the most significant end; past the end they are 0 and ok() is false.
class BitReader {
 public:
  explicit BitReader(base::ByteView bytes) : bytes_(bytes) {}
  bool ok() const { return position_ <= bytes_.size() * 8; }
  uint32_t bits(unsigned count) {
    uint32_t value = 0;
    for (unsigned i = 0; i < count; ++i, ++position_) {
      const size_t at = position_ / 8;
      const unsigned bit = at < bytes_.size() ? bytes_[at] >> (7 - position_ % 8) & 1U : 0U;
      value = value << 1 | bit;
    }
    return value;
  }

 private:
  base::ByteView bytes_;
  size_t position_ = 0;
};

/// color_config() of the bitstream specification, section 6.2.2: only to get past it.
void skipColorConfig(BitReader& in, uint32_t profile) {
  constexpr uint32_t rgb = 7;
  if (profile >= 2) in.bits(1);  // ten_or_twelve_bit
  if (in.bits(3) != rgb) {
    in.bits(1);                                    // color_range
    if (profile == 1 || profile == 3) in.bits(3);  // subsampling_x, subsampling_y, reserved
  } else if (profile == 1 || profile == 3) {
    in.bits(1);  // reserved
  }
}

}  // namespace

tl::expected<Vp9FrameHeader, ParseError> parseVp9FrameHeader(base::ByteView frame) {
  if (frame.empty()) return tl::make_unexpected(ParseError::Truncated);
  BitReader in(frame);
  if (in.bits(2) != 2) return tl::make_unexpected(ParseError::BadValue);  // frame_marker
  const uint32_t low = in.bits(1);
  const uint32_t profile = in.bits(1) << 1 | low;
  if (profile == 3) in.bits(1);  // reserved
  Vp9FrameHeader header;
  header.showExistingFrame = in.bits(1) != 0;
  if (header.showExistingFrame) return header;
  header.keyFrame = in.bits(1) == 0;
  in.bits(2);  // show_frame, error_resilient_mode
  if (!header.keyFrame) {
    if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
    return header;
  }
  const uint32_t sync = in.bits(24);
  skipColorConfig(in, profile);
  const uint32_t width = in.bits(16) + 1;
  const uint32_t height = in.bits(16) + 1;
  if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
  if (sync != 0x498342) return tl::make_unexpected(ParseError::BadValue);
  header.width = static_cast<uint16_t>(std::min(width, 65'535U));
  header.height = static_cast<uint16_t>(std::min(height, 65'535U));
  return header;
}

}  // namespace sotto::rtp
