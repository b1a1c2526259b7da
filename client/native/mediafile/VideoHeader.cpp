// VP8 and VP9 frame headers; see the header.
#include "client/native/mediafile/VideoHeader.hpp"

namespace sotto::client::mediafile {
namespace {

// RFC 6386 section 9.1: a 3-byte tag (bit 0 clear on key frames), then start code and two 14-bit sizes.
std::optional<VideoHeader> readVp8(base::ByteView frame) {
  if (frame.size() < 3) return std::nullopt;
  VideoHeader header;
  header.keyFrame = (frame[0] & 1) == 0;
  if (!header.keyFrame) return header;
  if (frame.size() < 10 || frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a) return std::nullopt;
  header.width = static_cast<uint16_t>((frame[6] | frame[7] << 8) & 0x3fff);
  header.height = static_cast<uint16_t>((frame[8] | frame[9] << 8) & 0x3fff);
  if (header.width == 0 || header.height == 0) return std::nullopt;
  return header;
}

// Most significant bit first; reads past the end make it fail.
class BitReader {
 public:
  explicit BitReader(base::ByteView bytes) : bytes_(bytes) {}
  uint32_t bits(unsigned count) {
    uint32_t value = 0;
    for (; count > 0; --count, ++position_) {
      if (position_ / 8 >= bytes_.size()) {
        ok_ = false;
        return 0;
      }
      value = value << 1 | (bytes_[position_ / 8] >> (7 - position_ % 8) & 1u);
    }
    return value;
  }
  bool ok() const { return ok_; }

 private:
  base::ByteView bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

// color_config() of VP9; false for a combination that the specification forbids.
bool skipColorConfig(BitReader& reader, uint32_t profile) {
  constexpr uint32_t srgb = 7;
  if (profile >= 2) reader.bits(1);  // ten or twelve bits
  if (reader.bits(3) != srgb) {
    reader.bits(1);                                    // range
    if (profile == 1 || profile == 3) reader.bits(3);  // subsampling and a reserved bit
    return true;
  }
  if (profile != 1 && profile != 3) return false;
  reader.bits(1);
  return true;
}

// uncompressed_header() of VP9 as far as frame_size().
std::optional<VideoHeader> readVp9(base::ByteView frame) {
  constexpr uint32_t frameMarker = 2, syncCode = 0x498342;
  BitReader reader(frame);
  if (reader.bits(2) != frameMarker) return std::nullopt;
  const uint32_t profileLow = reader.bits(1);
  const uint32_t profile = reader.bits(1) << 1 | profileLow;
  if (profile == 3 && reader.bits(1) != 0) return std::nullopt;
  VideoHeader header;
  if (reader.bits(1) != 0) return reader.ok() ? std::optional(header) : std::nullopt;  // shows an old frame
  header.keyFrame = reader.bits(1) == 0;
  reader.bits(2);  // show_frame, error_resilient_mode
  if (!reader.ok()) return std::nullopt;
  if (!header.keyFrame) return header;
  if (reader.bits(24) != syncCode || !skipColorConfig(reader, profile)) return std::nullopt;
  const uint32_t width = reader.bits(16) + 1, height = reader.bits(16) + 1;
  if (!reader.ok() || width > UINT16_MAX || height > UINT16_MAX) return std::nullopt;
  header.width = static_cast<uint16_t>(width);
  header.height = static_cast<uint16_t>(height);
  return header;
}

}  // namespace

std::optional<VideoHeader> readVideoHeader(frame::CodecType codec, base::ByteView frame) {
  switch (codec) {
    case frame::CodecType::Vp8:
      return readVp8(frame);
    case frame::CodecType::Vp9:
      return readVp9(frame);
    case frame::CodecType::Opus:
      break;
  }
  return std::nullopt;
}

}  // namespace sotto::client::mediafile
