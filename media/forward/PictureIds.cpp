#include "media/forward/PictureIds.hpp"

namespace sotto::forward {

namespace {
constexpr int32_t pictureMask = 0x7FFF;
constexpr int32_t shortPictureMask = 0x7F;
}  // namespace

int32_t PictureIds::nextVp8Picture(const frame::CodecInfo& info) {
  // A VP8 player that sees upper temporal layers waits for a picture whose id is missing: number what is
  // sent.
  return info.pictureId < 0 ? -1 : (lastPicture_ + 1) & pictureMask;
}

int32_t PictureIds::nextVp9Picture(const frame::CodecInfo& info, bool restart) {
  if (info.pictureId < 0) return -1;
  // VP9 refers to pictures by id (P_DIFF, or the place in the picture group): the distances must stay.
  int32_t step = info.pictureId - lastReceived_;
  // Frames come in decode order, so a step back is a wrap; of 7 bits when both ids fit them.
  if (step < 0 && lastReceived_ <= shortPictureMask) step += shortPictureMask + 1;
  if (restart || lastReceived_ < 0) step = 1;
  lastReceived_ = info.pictureId;
  return (lastPicture_ + step) & pictureMask;
}

frame::DescriptorRewrite PictureIds::next(const ArrivedFrame& arrived, bool restart, bool endOfPicture) {
  const frame::Frame& frame = *arrived.frame;
  const frame::CodecInfo& info = frame.codecInfo;
  restart = restart || !started_;
  started_ = true;

  frame::DescriptorRewrite out = frame::DescriptorRewrite::passThrough(frame);
  out.endOfPicture = endOfPicture;
  // KEYIDX counts the key frames of one stream; nobody needs it, and across streams it would lie.
  out.keyIndex = -1;
  out.pictureId = frame.codec == frame::CodecType::Vp9 ? nextVp9Picture(info, restart) : nextVp8Picture(info);
  if (out.pictureId >= 0) lastPicture_ = out.pictureId;

  if (info.tl0PicIdx >= 0) {
    if (restart) baseOffset_ = lastBase_ + 1 - info.tl0PicIdx;
    out.tl0PicIdx = static_cast<int16_t>((info.tl0PicIdx + baseOffset_) & 0xFF);
    if (arrived.temporal == 0) lastBase_ = out.tl0PicIdx;
  }
  return out;
}

}  // namespace sotto::forward
