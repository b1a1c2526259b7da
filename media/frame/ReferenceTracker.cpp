#include "media/frame/ReferenceTracker.hpp"

#include <algorithm>

#include "media/rtp/Vp9Descriptor.hpp"

namespace sotto::frame {
namespace {

unsigned spatialOf(int8_t spatialId) {
  return spatialId < 0 ? 0U : static_cast<unsigned>(spatialId) & 7U;
}

}  // namespace

std::optional<int> ReferenceTracker::missingPictures(const PictureInfo& next) const {
  if (!last_ || last_->pictureId < 0 || next.pictureId < 0) return std::nullopt;
  const int32_t mask = pictureMask(next);
  const int32_t step = (next.pictureId - last_->pictureId) & mask;
  if (step > mask / 2) return std::nullopt;  // backwards: the sender started anew
  if (codec_ == CodecType::Vp9 && (last_->spatialId > 0 || next.spatialId > 0 || !lastEndedPicture_)) {
    // Layer frames of a picture share its id, so ids tell only of whole pictures.
    const bool nextLayer = step == 0 && next.spatialId == last_->spatialId + 1;
    const bool nextPicture = step == 1 && lastEndedPicture_ && next.spatialId <= 0;
    return nextLayer || nextPicture ? std::optional<int>(0) : std::nullopt;
  }
  if (step == 0) return std::nullopt;
  return step - 1;
}

bool ReferenceTracker::baseContiguous(const PictureInfo& next) const {
  if (last_->tl0PicIdx < 0 || next.tl0PicIdx < 0 || next.temporalId < 0) return false;
  const int step = (next.tl0PicIdx - last_->tl0PicIdx) & 0xFF;
  return step == (next.temporalId == 0 ? 1 : 0);
}

void ReferenceTracker::onLoss(Loss loss) {
  if (loss == Loss::Nothing || loss == Loss::Disposable) return;
  unknownLoss_ = true;
  if (codec_ != CodecType::Vp8) return;  // VP9 frames name their references
  broken_.fill(true);
  if (loss == Loss::Unknown) baseBroken_ = true;
}

bool ReferenceTracker::onFrame(const Frame& frame) {
  if (codec_ == CodecType::Opus) {
    baseBroken_ = false;
    return true;
  }
  learnPlace(frame);
  const bool decodable = codec_ == CodecType::Vp8 ? decodableVp8(frame) : decodableVp9(frame);
  if (!decodable && frame.codecInfo.temporalId <= 0) baseBroken_ = true;
  return decodable;
}

void ReferenceTracker::onRejected(const Frame& frame) {
  if (codec_ == CodecType::Opus || frame.codecInfo.nonReference) return;
  markDelivered(frame.codecInfo, false);
  unknownLoss_ = true;
  const int temporal = std::max<int>(frame.codecInfo.temporalId, 0);
  if (temporal == 0) baseBroken_ = true;
  std::fill(broken_.begin() + std::min<int>(temporal, temporalLayers - 1), broken_.end(), true);
}

bool ReferenceTracker::decodableVp8(const Frame& frame) {
  if (frame.metadata.keyFrame) {
    baseBroken_ = false;
    broken_.fill(false);
    return true;
  }
  if (baseBroken_) return false;
  const int temporal = std::min<int>(frame.codecInfo.temporalId, temporalLayers - 1);
  if (temporal <= 0) return true;
  const auto own = broken_.begin() + temporal;
  if (frame.codecInfo.layerSync) {  // refers to temporal layer 0 alone
    *own = false;
    return true;
  }
  if (std::none_of(broken_.begin() + 1, own + 1, [](bool broken) { return broken; })) return true;
  if (!frame.codecInfo.nonReference) *own = true;
  return false;
}

bool ReferenceTracker::decodableVp9(const Frame& frame) {
  const CodecInfo& info = frame.codecInfo;
  const bool predicted = info.interPicturePredicted || info.interLayerPredicted;
  if (!predicted && info.spatialId <= 0) {  // a key picture begins
    baseBroken_ = false;
    unknownLoss_ = false;
  }
  learnPictureGroup(info);
  const bool decodable = !predicted || hasReferences(frame);
  if (decodable) markDelivered(info, true);
  return decodable;
}

bool ReferenceTracker::hasReferences(const Frame& frame) const {
  const CodecInfo& info = frame.codecInfo;
  const unsigned spatial = spatialOf(info.spatialId);
  if (info.pictureId < 0) return !unknownLoss_;
  if (info.interLayerPredicted && (spatial == 0 || !delivered(info.pictureId, spatial - 1))) return false;
  if (!info.interPicturePredicted) return true;
  if (info.flexible && info.referenceCount > 0) {
    const int32_t mask = info.longPictureId ? 0x7FFF : 0x7F;
    for (unsigned i = 0; i < info.referenceCount && i < 3; ++i) {
      if (!delivered((info.pictureId - info.references[i]) & mask, spatial)) return false;
    }
    return true;
  }
  return groupSize_ > 0 ? hasGroupReferences(frame) : !unknownLoss_;
}

bool ReferenceTracker::hasGroupReferences(const Frame& frame) const {
  const CodecInfo& info = frame.codecInfo;
  const int32_t mask = info.longPictureId ? 0x7FFF : 0x7F;
  const int32_t sinceStart = (info.pictureId - groupStart_) & mask;
  const GroupPicture& picture = group_[static_cast<size_t>(sinceStart % groupSize_)];
  for (unsigned i = 0; i < picture.referenceCount; ++i) {
    // The group describes the steady state: just after its start it points to pictures that never were.
    if (picture.references[i] > sinceStart) continue;
    const int32_t reference = (info.pictureId - picture.references[i]) & mask;
    if (!delivered(reference, spatialOf(info.spatialId))) return false;
  }
  return true;
}

void ReferenceTracker::learnPlace(const Frame& frame) {
  const CodecInfo& info = frame.codecInfo;
  const PictureInfo place{info.pictureId,  info.longPictureId, info.tl0PicIdx,
                          info.temporalId, info.spatialId,     info.nonReference};
  if (last_ && last_->pictureId >= 0 && place.pictureId >= 0) {
    const int32_t advance = (place.pictureId - last_->pictureId) & pictureMask(place);
    // Pictures between were not delivered: forget what stood at their places one round of the ring ago.
    const int stale = std::min<int>(advance, static_cast<int>(delivered_.size()));
    for (int i = 0; i < stale; ++i) delivered_[static_cast<size_t>((place.pictureId - i) & 127)] = {};
  }
  last_ = place;
  lastEndedPicture_ = info.endOfPicture;
}

void ReferenceTracker::learnPictureGroup(const CodecInfo& info) {
  if (info.scalabilityStructureSize == 0 || info.pictureId < 0) return;
  const auto structure = rtp::parseVp9ScalabilityStructure(
      base::ByteView(info.scalabilityStructure).first(info.scalabilityStructureSize));
  if (!structure || !structure->hasPictureGroup) return;
  groupSize_ = structure->pictureCount;
  groupStart_ = info.pictureId;
  for (unsigned i = 0; i < groupSize_; ++i) {
    group_[i] = {structure->pictures[i].referenceCount, structure->pictures[i].references};
  }
}

bool ReferenceTracker::delivered(int32_t pictureId, unsigned spatial) const {
  const Delivered& entry = delivered_[static_cast<size_t>(pictureId & 127)];
  return entry.pictureId == pictureId && entry.spatialMask >> spatial & 1;
}

void ReferenceTracker::markDelivered(const CodecInfo& info, bool value) {
  if (info.pictureId < 0) return;
  Delivered& entry = delivered_[static_cast<size_t>(info.pictureId & 127)];
  if (entry.pictureId != info.pictureId) entry = {info.pictureId, 0};
  const uint8_t bit = static_cast<uint8_t>(1U << spatialOf(info.spatialId));
  entry.spatialMask = static_cast<uint8_t>(value ? entry.spatialMask | bit : entry.spatialMask & ~bit);
}

}  // namespace sotto::frame
