#include "media/frame/FrameAssembler.hpp"

#include <algorithm>
#include <cstring>

#include "media/frame/DerivedMetadata.hpp"
#include "media/rtp/Vp8Descriptor.hpp"
#include "media/rtp/Vp9Descriptor.hpp"

namespace sotto::frame {
namespace {

/// How far before the first packet seen the stream's real beginning may lie (reordering at the start).
constexpr int64_t lateStart = 64;

}  // namespace

FrameAssembler::FrameAssembler(const AssemblerOptions& options, FramePool& pool)
    : options_(options), pool_(pool), tracker_(options.codec), slots_(slotCount) {
  options_.maxFrameSize = std::min(options_.maxFrameSize, FramePool::largestClass);
}

const FrameAssembler::Slot* FrameAssembler::find(int64_t sequence) const {
  const Slot& slot = slots_[static_cast<size_t>(sequence) & (slotCount - 1)];
  return slot.sequence == sequence ? &slot : nullptr;
}

FrameAssembler::Inserted FrameAssembler::insert(const MediaPacket& packet, base::Timestamp now) {
  if (packet.sequence < 0) return Inserted::Late;  // before the first cycle: no real packet
  if (find(packet.sequence) != nullptr) return Inserted::Duplicate;
  Slot fresh;
  fresh.sequence = packet.sequence;
  fresh.buffer = packet.buffer;
  fresh.payload = packet.payload;
  fresh.timestamp = packet.timestamp;
  fresh.arrival = now;
  fresh.marker = packet.marker;
  fresh.audioLevel = packet.audioLevel;
  fresh.voiceActivity = packet.voiceActivity;
  fresh.padding = packet.payload.empty();
  const bool malformed = !fresh.padding && !describe(fresh);
  if (malformed) {
    // Keeps its place: what came is not missing, and no retransmission would be better.
    ++statistics_.malformedPackets;
    fresh.start = fresh.end = fresh.keyStart = false;
  }
  if (!makeRoom(packet.sequence)) {
    ++statistics_.latePackets;
    return Inserted::Late;
  }
  if (fresh.keyStart) newestKeyStart_ = std::max(newestKeyStart_, packet.sequence);
  highest_ = std::max(highest_, packet.sequence);
  slotAt(packet.sequence) = std::move(fresh);
  return malformed ? Inserted::Malformed : Inserted::Stored;
}

bool FrameAssembler::makeRoom(int64_t sequence) {
  if (!started_) {
    started_ = true;
    nextSequence_ = highest_ = sequence;
    return true;
  }
  if (sequence < nextSequence_) {
    if (advanced_ || nextSequence_ - sequence > lateStart ||
        highest_ - sequence >= static_cast<int64_t>(slotCount)) {
      return false;
    }
    nextSequence_ = sequence;
    return true;
  }
  if (sequence - nextSequence_ >= static_cast<int64_t>(slotCount)) {
    ++statistics_.gaps;
    skipTo(sequence - static_cast<int64_t>(slotCount) + 1);
  }
  return true;
}

bool FrameAssembler::describe(Slot& slot) const {
  switch (options_.codec) {
    case CodecType::Vp8:
      return describeVp8(slot);
    case CodecType::Vp9:
      return describeVp9(slot);
    case CodecType::Opus:
      break;
  }
  slot.start = slot.end = true;
  return true;
}

bool FrameAssembler::describeVp8(Slot& slot) const {
  const auto descriptor = rtp::parseVp8Descriptor(slot.payload);
  if (!descriptor) return false;
  slot.descriptorSize = descriptor->size;
  slot.start = descriptor->startsFrame();
  slot.end = slot.marker;
  slot.picture = {
      descriptor->pictureId,   descriptor->longPictureId, descriptor->tl0PicIdx, descriptor->temporalId, -1,
      descriptor->nonReference};
  // The first byte of a VP8 frame is in clear in sealed frames, too; its lowest bit is 0 on key frames.
  slot.keyStart = slot.start && slot.payload.size() > slot.descriptorSize &&
                  (slot.payload[slot.descriptorSize] & 0x01) == 0;
  return true;
}

bool FrameAssembler::describeVp9(Slot& slot) const {
  const auto descriptor = rtp::parseVp9Descriptor(slot.payload);
  if (!descriptor) return false;
  slot.descriptorSize = descriptor->size;
  slot.start = descriptor->startOfFrame;
  slot.end = descriptor->endOfFrame;
  slot.picture = {descriptor->pictureId,  descriptor->longPictureId, descriptor->tl0PicIdx,
                  descriptor->temporalId, descriptor->spatialId,     false};
  slot.keyStart = slot.start && !descriptor->interPicturePredicted && !descriptor->interLayerPredicted &&
                  descriptor->spatialId <= 0;
  return true;
}

std::optional<AssembledFrame> FrameAssembler::next(base::Timestamp now) {
  while (started_ && nextSequence_ <= highest_) {
    const Slot* slot = find(nextSequence_);
    if (slot == nullptr) {
      if (!resolveGap(nextSequence_, now)) return std::nullopt;
      continue;
    }
    if (slot->padding) {
      skipTo(nextSequence_ + 1);
      continue;
    }
    if (!slot->start) {  // its frame's beginning is gone
      ++statistics_.orphanPackets;
      lossPending_ = true;
      skipTo(nextSequence_ + 1);
      continue;
    }
    const Run run = runFrom(nextSequence_);
    if (run.state == Run::State::Complete) {
      if (auto frame = take(run, now)) return frame;
    } else if (run.state == Run::State::Broken) {
      lossPending_ = true;
      statistics_.orphanPackets += static_cast<uint64_t>(run.end - run.start);
      skipTo(run.end);
    } else if (run.end > highest_) {  // the rest is on its way
      closeGap();
      return std::nullopt;
    } else if (!resolveGap(run.end, now)) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

base::Timestamp FrameAssembler::nextDeadline() const {
  if (!gapSequence_) return base::Timestamp::plusInfinity();
  return gapSince_ + (overdue_ ? gapWait_ : std::min(gapWait_, options_.keyFrameWait));
}

void FrameAssembler::closeGap() {
  gapSequence_.reset();
  overdue_ = false;
}

/// Releases everything before `sequence` and goes on there.
void FrameAssembler::skipTo(int64_t sequence) {
  const int64_t last = std::min(sequence, nextSequence_ + static_cast<int64_t>(slotCount));
  for (int64_t i = nextSequence_; i < last; ++i) {
    Slot& slot = slotAt(i);
    if (slot.sequence != i) {
      lossPending_ = true;
      continue;
    }
    if (slot.picture.nonReference && skippedDisposableCount_ < skippedDisposable_.size() &&
        !skippedAsDisposable(slot.picture.pictureId)) {
      skippedDisposable_[skippedDisposableCount_++] = slot.picture.pictureId;
    }
    slot.sequence = -1;
    slot.buffer.reset();
  }
  if (sequence > last) lossPending_ = true;
  nextSequence_ = sequence;
  advanced_ = true;
  closeGap();
}

FrameAssembler::Run FrameAssembler::runFrom(int64_t start) const {
  Run run;
  run.start = start;
  const Slot* const first = find(start);
  for (run.end = start;; ++run.end) {
    const Slot* slot = run.end - start < static_cast<int64_t>(slotCount) ? find(run.end) : nullptr;
    if (slot == nullptr) return run;
    const bool begins = slot->start && run.end != start;
    if (begins || slot->padding || slot->timestamp != first->timestamp) {
      run.state = Run::State::Broken;
      return run;
    }
    run.bytes += slot->payload.size() - slot->descriptorSize;
    if (slot->end) {
      ++run.end;
      run.state = Run::State::Complete;
      return run;
    }
  }
}

/// True when the gap at `missing` was given up, false while it is waited for.
bool FrameAssembler::resolveGap(int64_t missing, base::Timestamp now) {
  if (gapSequence_ != missing) {
    int64_t after = missing + 1;
    while (after < highest_ && find(after) == nullptr) ++after;
    const Slot* witness = find(after);
    closeGap();
    gapSequence_ = missing;
    gapSince_ = witness != nullptr ? std::min(witness->arrival, now) : now;
  }
  std::optional<int64_t> resume = nextStart(missing);
  gapWait_ = options_.referenceWait;
  if (newestKeyStart_ > missing && runFrom(newestKeyStart_).state == Run::State::Complete) {
    resume = newestKeyStart_;  // needs nothing of what came before
    gapWait_ = options_.reorderWait;
  } else if (options_.codec == CodecType::Opus || (resume && isDisposable(*resume))) {
    gapWait_ = options_.reorderWait;
  }
  gapWait_ = std::min(gapWait_, options_.referenceWait);
  const base::TimeDelta waited = now - gapSince_;
  overdue_ = waited >= options_.keyFrameWait && options_.keyFrameWait < gapWait_;
  if (waited < gapWait_) return false;
  giveUp(resume);
  return true;
}

std::optional<int64_t> FrameAssembler::nextStart(int64_t after) const {
  for (int64_t i = after + 1; i <= highest_; ++i) {
    const Slot* slot = find(i);
    if (slot != nullptr && slot->start) return i;
  }
  return std::nullopt;
}

/// Whether nothing refers to what is missing before the frame that starts at `resume`.
bool FrameAssembler::isDisposable(int64_t resume) const {
  const auto partly = [&](int32_t pictureId) {
    if (skippedAsDisposable(pictureId)) return true;
    for (int64_t i = nextSequence_; i < resume; ++i) {
      const Slot* slot = find(i);
      if (slot != nullptr && slot->picture.pictureId == pictureId) return slot->picture.nonReference;
    }
    return false;
  };
  const ReferenceTracker::Loss loss = tracker_.classify(find(resume)->picture, partly);
  return loss == ReferenceTracker::Loss::Nothing || loss == ReferenceTracker::Loss::Disposable;
}

void FrameAssembler::giveUp(std::optional<int64_t> resume) {
  ++statistics_.gaps;
  lossPending_ = true;
  const int64_t target = resume.value_or(highest_ + 1);
  bool disposable = false;
  for (int64_t i = nextSequence_; i < target; ++i) {
    if (const Slot* slot = find(i); slot != nullptr && !slot->padding) {
      ++statistics_.orphanPackets;
      disposable = disposable || slot->picture.nonReference;
    }
  }
  // With nothing after it, what was lost shows only with the next frame, and that may be a second away.
  if (!resume && !disposable && options_.codec != CodecType::Opus) needKeyFrame_ = true;
  skipTo(target);
}

bool FrameAssembler::skippedAsDisposable(int32_t pictureId) const {
  const auto end = skippedDisposable_.begin() + static_cast<ptrdiff_t>(skippedDisposableCount_);
  return std::find(skippedDisposable_.begin(), end, pictureId) != end;
}

/// The frame after what was given up is there: now it shows what that was.
void FrameAssembler::settleLoss(const PictureInfo& next) {
  if (lossPending_) {
    const auto partly = [&](int32_t pictureId) { return skippedAsDisposable(pictureId); };
    const ReferenceTracker::Loss loss = tracker_.classify(next, partly);
    tracker_.onLoss(loss);
    if (loss != ReferenceTracker::Loss::Nothing) afterGap_ = true;
  }
  lossPending_ = false;
  skippedDisposableCount_ = 0;
}

std::optional<AssembledFrame> FrameAssembler::take(const Run& run, base::Timestamp now) {
  FrameRef frame = run.bytes <= options_.maxFrameSize ? assemble(run, now) : FrameRef();
  if (!frame) {
    ++statistics_.tooLarge;
    skipTo(run.end);
    lossPending_ = true;
    return std::nullopt;
  }
  settleLoss(find(run.start)->picture);
  skipTo(run.end);
  skippedDisposableCount_ = 0;
  const std::optional<MetadataError> error = readMetadata(*frame);
  const bool decodable = tracker_.onFrame(*frame);
  if (error) tracker_.onRejected(*frame);
  needKeyFrame_ = options_.codec != CodecType::Opus && tracker_.baseBroken();
  if (!decodable && !error) {
    ++statistics_.undecodable;
    afterGap_ = true;
    return std::nullopt;
  }
  AssembledFrame out{std::move(frame), afterGap_, error};
  afterGap_ = error.has_value();
  if (error) {
    ++statistics_.invalidTrailer;
  } else {
    ++statistics_.frames;
    if (out.frame->metadata.keyFrame) ++statistics_.keyFrames;
  }
  return out;
}

FrameRef FrameAssembler::assemble(const Run& run, base::Timestamp now) {
  FrameRef frame = pool_.acquire(run.bytes);
  if (!frame) return frame;
  const Slot& first = *find(run.start);
  uint8_t* out = frame->writablePayload().data();
  frame->began = now;
  for (int64_t i = run.start; i < run.end; ++i) {
    const Slot& slot = *find(i);
    frame->began = std::min(frame->began, slot.arrival);
    const base::ByteView chunk = slot.payload.subspan(slot.descriptorSize);
    if (!chunk.empty()) std::memcpy(out, chunk.data(), chunk.size());
    out += chunk.size();
  }
  frame->codec = options_.codec;
  frame->rtpTimestamp = first.timestamp;
  frame->ssrc = options_.ssrc;
  frame->firstSequence = run.start;
  frame->lastSequence = run.end - 1;
  frame->audioLevel = first.audioLevel;
  frame->voiceActivity = first.voiceActivity;
  frame->received = now;
  fillCodecInfo(first, *frame);
  frame->codecInfo.endOfPicture = find(run.end - 1)->marker;
  return frame;
}

void FrameAssembler::fillCodecInfo(const Slot& first, Frame& frame) const {
  CodecInfo& info = frame.codecInfo;
  info.pictureId = first.picture.pictureId;
  info.longPictureId = first.picture.longPictureId;
  info.tl0PicIdx = first.picture.tl0PicIdx;
  info.temporalId = first.picture.temporalId;
  info.spatialId = first.picture.spatialId;
  info.nonReference = first.picture.nonReference;
  if (options_.codec == CodecType::Vp8) {
    const auto descriptor = rtp::parseVp8Descriptor(first.payload);
    if (!descriptor) return;
    info.layerSync = descriptor->layerSync;
    info.keyIndex = descriptor->keyIndex;
  } else if (options_.codec == CodecType::Vp9) {
    const auto descriptor = rtp::parseVp9Descriptor(first.payload);
    if (!descriptor) return;
    info.layerSync = descriptor->switchingUpPoint;
    info.interPicturePredicted = descriptor->interPicturePredicted;
    info.interLayerPredicted = descriptor->interLayerPredicted;
    info.flexible = descriptor->flexible;
    info.notReferenceForSpatial = descriptor->notReferenceForSpatial;
    info.referenceCount = descriptor->referenceCount;
    std::copy(descriptor->references.begin(), descriptor->references.end(), info.references);
    const base::ByteView structure = descriptor->scalabilityStructure;
    if (structure.size() <= sizeof info.scalabilityStructure) {
      info.scalabilityStructureSize = static_cast<uint8_t>(structure.size());
      std::copy(structure.begin(), structure.end(), info.scalabilityStructure);
    }
  }
}

/// An error only when the policy is Required.
std::optional<MetadataError> FrameAssembler::readMetadata(Frame& frame) const {
  std::optional<MetadataError> error;
  if (options_.trailer != TrailerPolicy::None) {
    const auto parsed = parseFrameMetadata(frame.payload());
    const bool video = options_.codec != CodecType::Opus;
    if (parsed && parsed->metadata.video == video) {
      frame.sealed = true;
      frame.metadata = parsed->metadata;
      return std::nullopt;
    }
    error = parsed ? MetadataError::Flags : parsed.error();
  }
  if (options_.trailer == TrailerPolicy::Required) return error;
  deriveMetadata(frame);
  return std::nullopt;
}

}  // namespace sotto::frame
