// Makes frames as they come out of the assembler, for tests of the forwarding parts.
#pragma once

#include <cstdint>

#include "media/frame/FramePool.hpp"

namespace sotto::test {

struct FrameSpec {
  uint32_t ssrc = 1;
  bool key = false;
  uint16_t width = 0, height = 0;
  uint8_t temporal = 0;
  bool sync = false;
  bool disposable = false;
  int8_t spatial = -1;  ///< at least 0: VP9 with spatial layers
  bool endOfPicture = true;
  uint32_t timestamp = 0;
  int32_t pictureId = -1;
  int16_t tl0 = -1;
  size_t size = 1'000;
  base::Timestamp began;  ///< arrival of its first packet
};

class FrameMaker {
 public:
  frame::FrameRef make(const FrameSpec& spec) {
    frame::FrameRef frame = pool_.acquire(spec.size);
    frame->codec = spec.spatial >= 0 ? frame::CodecType::Vp9 : frame::CodecType::Vp8;
    frame->ssrc = spec.ssrc;
    frame->rtpTimestamp = spec.timestamp;
    frame->began = spec.began;
    frame->metadata.video = true;
    frame->metadata.keyFrame = spec.key;
    frame->metadata.width = spec.width;
    frame->metadata.height = spec.height;
    frame->metadata.temporalIndex = spec.temporal;
    frame->metadata.temporalSwitchingPoint = spec.sync;
    frame->metadata.discardable = spec.disposable;
    frame->codecInfo.temporalId = static_cast<int8_t>(spec.temporal);
    frame->codecInfo.spatialId = spec.spatial;
    frame->codecInfo.endOfPicture = spec.endOfPicture;
    frame->codecInfo.pictureId = spec.pictureId;
    frame->codecInfo.tl0PicIdx = spec.tl0;
    return frame;
  }

 private:
  frame::FramePool pool_;
};

}  // namespace sotto::test
