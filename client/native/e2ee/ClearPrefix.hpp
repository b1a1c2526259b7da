// How much of a frame stays in clear because packetizers and jitter buffers on the way look at it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "media/frame/Frame.hpp"

namespace sotto::client::e2ee {

/// Bytes at the front of a frame of `frameSize` bytes that are authenticated but not encrypted. VP8: the
/// frame tag (3 bytes, RFC 6386 section 9.1), on key frames with start code and size (10). VP9 and Opus:
/// none.
constexpr uint16_t clearPrefixLength(frame::CodecType codec, bool keyFrame, size_t frameSize) {
  if (codec != frame::CodecType::Vp8) return 0;
  return static_cast<uint16_t>(std::min<size_t>(keyFrame ? 10 : 3, frameSize));
}

}  // namespace sotto::client::e2ee
