// Frames as an encoder and a sealing client would make them, and the packets they are cut into.
#pragma once

#include <algorithm>
#include <vector>

#include "media/base/PacketPool.hpp"
#include "media/base/Random.hpp"
#include "media/frame/FrameAssembler.hpp"
#include "media/frame/FramePool.hpp"
#include "media/frame/Packetizer.hpp"

namespace sotto::test {

/// A frame of random bytes with a valid trailer at its end.
inline frame::FrameRef sealedFrame(frame::FramePool& pool, base::Random& random, frame::CodecType codec,
                                   size_t size, const frame::FrameMetadata& wanted) {
  frame::FrameMetadata metadata = wanted;
  metadata.video = codec != frame::CodecType::Opus;
  metadata.keyId = 7 << 16;
  uint8_t trailer[frame::FrameMetadata::maxEncodedSize];
  const size_t trailerSize = frame::writeFrameMetadata(metadata, trailer);
  size = std::max(size, trailerSize + 32 + 10);
  frame::FrameRef frame = pool.acquire(size);
  random.fill(frame->writablePayload());
  uint8_t& first = frame->writablePayload()[0];  // the clear bit of VP8 that says key frame
  first = static_cast<uint8_t>((first & 0xFE) | (metadata.keyFrame ? 0 : 1));
  std::copy_n(trailer, trailerSize, frame->writablePayload().last(trailerSize).data());
  frame->codec = codec;
  frame->sealed = true;
  frame->metadata = metadata;
  return frame;
}

/// VP8 in three temporal layers: T0 T2 T1 T2, where every T1 and the first T2 sync on T0; T2 is no reference.
class Vp8Source {
 public:
  Vp8Source(frame::FramePool& pool, base::Random& random) : pool_(pool), random_(random) {}

  frame::FrameRef next(bool key, size_t size) {
    static constexpr int8_t pattern[4] = {0, 2, 1, 2};
    if (key) phase_ = 0;
    const int8_t temporal = pattern[phase_];
    frame::FrameMetadata metadata;
    metadata.keyFrame = key;
    metadata.temporalIndex = static_cast<uint8_t>(temporal);
    metadata.discardable = temporal == 2;
    if (key) metadata.width = 640, metadata.height = 360;
    frame::FrameRef frame = sealedFrame(pool_, random_, frame::CodecType::Vp8, size, metadata);
    if (temporal == 0) tl0_ = static_cast<uint8_t>(tl0_ + 1);
    frame->codecInfo.pictureId = pictureId_++ & 0x7FFF;
    frame->codecInfo.longPictureId = true;
    frame->codecInfo.tl0PicIdx = tl0_;
    frame->codecInfo.temporalId = temporal;
    frame->codecInfo.keyIndex = 0;
    frame->codecInfo.nonReference = temporal == 2;
    frame->codecInfo.layerSync = phase_ == 1 || phase_ == 2;
    frame->codecInfo.endOfPicture = true;
    frame->rtpTimestamp = timestamp_ += 3'000;
    phase_ = (phase_ + 1) % 4;
    return frame;
  }

 private:
  frame::FramePool& pool_;
  base::Random& random_;
  int phase_ = 0;
  int32_t pictureId_ = 0x7FF0;  // wraps soon
  uint8_t tl0_ = 250;
  uint32_t timestamp_ = 0xFFFF0000;
};

/// VP9 SVC in flexible mode: three spatial layers for each picture, each predicted from the one before it in
/// its layer and, on key pictures, from the layer below.
class Vp9Source {
 public:
  static constexpr int8_t layers = 3;
  Vp9Source(frame::FramePool& pool, base::Random& random) : pool_(pool), random_(random) {}

  std::vector<frame::FrameRef> nextPicture(bool key, size_t size) {
    std::vector<frame::FrameRef> picture;
    timestamp_ += 3'000;
    for (int8_t spatial = 0; spatial < layers; ++spatial) {
      frame::FrameMetadata metadata;
      metadata.keyFrame = key && spatial == 0;
      metadata.spatialIndex = static_cast<uint8_t>(spatial);
      metadata.width = metadata.height = static_cast<uint16_t>(metadata.keyFrame ? 180 : 0);
      const size_t layerSize = size << spatial;
      frame::FrameRef frame = sealedFrame(pool_, random_, frame::CodecType::Vp9, layerSize, metadata);
      frame::CodecInfo& info = frame->codecInfo;
      info.pictureId = pictureId_ & 0x7FFF;
      info.longPictureId = true;
      info.temporalId = 0;
      info.spatialId = spatial;
      info.flexible = true;
      info.interPicturePredicted = !key;
      info.interLayerPredicted = key && spatial > 0;
      info.referenceCount = key ? 0 : 1;
      info.references[0] = key ? 0 : 1;
      info.endOfPicture = spatial == layers - 1;
      if (key && spatial == 0) {  // three layers with sizes
        const uint8_t structure[] = {0x50, 0, 160, 0, 90, 1, 64, 0, 180, 2, 128, 1, 104};
        std::copy(std::begin(structure), std::end(structure), info.scalabilityStructure);
        info.scalabilityStructureSize = sizeof structure;
      }
      frame->rtpTimestamp = timestamp_;
      picture.push_back(std::move(frame));
    }
    ++pictureId_;
    return picture;
  }

 private:
  frame::FramePool& pool_;
  base::Random& random_;
  int32_t pictureId_ = 0x7FF0;
  uint32_t timestamp_ = 0;
};

/// Cuts frames into packets with consecutive sequence numbers.
class PacketMaker {
 public:
  explicit PacketMaker(int64_t firstSequence = 65'536 + 100) : sequence_(firstSequence) {}

  std::vector<frame::MediaPacket> packets(const frame::Frame& frame, size_t budget = 1'100) {
    const frame::Packetizer packetizer(frame, frame::DescriptorRewrite::passThrough(frame), budget);
    std::vector<frame::MediaPacket> out;
    for (size_t i = 0; i < packetizer.packetCount(); ++i) {
      base::PacketRef buffer = pool_.acquire();
      const auto segment = packetizer.segment(i);
      const size_t descriptor = packetizer.writeDescriptor(i, buffer.storage());
      std::copy(segment.chunk.begin(), segment.chunk.end(), buffer.storage().data() + descriptor);
      buffer.setSize(descriptor + segment.chunk.size());
      frame::MediaPacket packet;
      packet.buffer = buffer;
      packet.payload = buffer.view();
      packet.sequence = sequence_++;
      packet.timestamp = frame.rtpTimestamp;
      packet.marker = segment.marker;
      out.push_back(std::move(packet));
    }
    return out;
  }
  frame::MediaPacket padding() {
    frame::MediaPacket packet;
    packet.buffer = pool_.acquire();
    packet.sequence = sequence_++;
    return packet;
  }

 private:
  base::PacketPool pool_;
  int64_t sequence_;
};

inline bool sameBytes(base::ByteView a, base::ByteView b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace sotto::test
