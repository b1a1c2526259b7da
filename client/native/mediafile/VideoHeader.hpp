// Just enough of the VP8 (RFC 6386 section 9.1) and VP9 (section 6.2 of its bitstream specification) frame
// headers to tell key frames and their size.
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Bytes.hpp"
#include "media/frame/Frame.hpp"

namespace sotto::client::mediafile {

struct VideoHeader {
  bool keyFrame = false;
  uint16_t width = 0, height = 0;  ///< pixels, key frames only
};

/// nullopt when `frame` is no frame of `codec` (Vp8 or Vp9).
std::optional<VideoHeader> readVideoHeader(frame::CodecType codec, base::ByteView frame);

}  // namespace sotto::client::mediafile
