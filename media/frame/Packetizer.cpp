#include "media/frame/Packetizer.hpp"

#include <algorithm>
#include <array>

#include "media/rtp/Vp8Descriptor.hpp"
#include "media/rtp/Vp9Descriptor.hpp"

namespace sotto::frame {
namespace {

size_t divideUp(size_t value, size_t by) {
  return (value + by - 1) / by;
}

}  // namespace

DescriptorRewrite DescriptorRewrite::passThrough(const Frame& frame) {
  DescriptorRewrite rewrite;
  rewrite.pictureId = frame.codecInfo.pictureId;
  rewrite.tl0PicIdx = frame.codecInfo.tl0PicIdx;
  rewrite.temporalId = frame.codecInfo.temporalId;
  rewrite.spatialId = frame.codecInfo.spatialId;
  rewrite.keyIndex = frame.codecInfo.keyIndex;
  rewrite.endOfPicture = frame.codec != CodecType::Vp9 || frame.codecInfo.endOfPicture;
  return rewrite;
}

Packetizer::Packetizer(const Frame& frame, const DescriptorRewrite& rewrite, size_t payloadBudget)
    : frame_(frame), rewrite_(rewrite) {
  std::array<uint8_t, maxDescriptorSize> scratch;
  firstDescriptor_ = encode(true, false, scratch);
  otherDescriptor_ = encode(false, false, scratch);
  const size_t budget = std::max(payloadBudget, minBudget);
  const size_t size = frame.payload().size();
  packetSize_ = firstDescriptor_ + size;
  if (packetSize_ <= budget) return;
  // As few packets as the budget allows, then all as small as that number allows: size + first descriptor +
  // (count - 1) other descriptors, shared out evenly.
  const size_t content = size + firstDescriptor_ - otherDescriptor_;
  const size_t fewest = divideUp(content, budget - otherDescriptor_);
  packetSize_ = divideUp(content + fewest * otherDescriptor_, fewest);
  count_ = divideUp(content, packetSize_ - otherDescriptor_);
}

Packetizer::Segment Packetizer::segment(size_t index) const {
  const base::ByteView payload = frame_.payload();
  const auto chunkStart = [&](size_t i) {
    return i == 0 ? 0 : packetSize_ - firstDescriptor_ + (i - 1) * (packetSize_ - otherDescriptor_);
  };
  const size_t begin = std::min(chunkStart(index), payload.size());
  const size_t end = std::min(chunkStart(index + 1), payload.size());
  Segment segment;
  segment.chunk = payload.subspan(begin, end - begin);
  segment.first = index == 0;
  segment.last = index + 1 == count_;
  segment.marker = segment.last && frame_.codec != CodecType::Opus && rewrite_.endOfPicture;
  return segment;
}

size_t Packetizer::writeDescriptor(size_t index, base::MutableByteView out) const {
  return encode(index == 0, index + 1 == count_, out);
}

size_t Packetizer::encode(bool first, bool last, base::MutableByteView out) const {
  const CodecInfo& info = frame_.codecInfo;
  if (frame_.codec == CodecType::Vp8) {
    rtp::Vp8Descriptor descriptor;
    descriptor.nonReference = info.nonReference;
    descriptor.startOfPartition = first;
    descriptor.pictureId = rewrite_.pictureId;
    descriptor.longPictureId = true;
    descriptor.tl0PicIdx = rewrite_.tl0PicIdx;
    descriptor.temporalId = rewrite_.temporalId;
    descriptor.layerSync = info.layerSync;
    descriptor.keyIndex = rewrite_.keyIndex;
    return rtp::writeVp8Descriptor(descriptor, out);
  }
  if (frame_.codec == CodecType::Vp9) {
    rtp::Vp9Descriptor descriptor;
    descriptor.interPicturePredicted = info.interPicturePredicted;
    descriptor.flexible = info.flexible;
    descriptor.startOfFrame = first;
    descriptor.endOfFrame = last;
    descriptor.notReferenceForSpatial = info.notReferenceForSpatial;
    descriptor.pictureId = rewrite_.pictureId;
    descriptor.longPictureId = true;
    descriptor.temporalId = rewrite_.temporalId;
    descriptor.switchingUpPoint = info.layerSync;
    descriptor.spatialId = rewrite_.spatialId;
    descriptor.interLayerPredicted = info.interLayerPredicted;
    descriptor.tl0PicIdx = rewrite_.tl0PicIdx;
    descriptor.referenceCount = std::min<uint8_t>(info.referenceCount, 3);
    std::copy_n(info.references, 3, descriptor.references.begin());
    if (first) {
      descriptor.scalabilityStructure = base::ByteView(info.scalabilityStructure)
                                            .first(std::min<size_t>(info.scalabilityStructureSize, 48));
    }
    return rtp::writeVp9Descriptor(descriptor, out);
  }
  return 0;
}

}  // namespace sotto::frame
