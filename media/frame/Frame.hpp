// One encoded frame, whole: stored once, shared by reference by every recipient and every retransmission.
#pragma once

#include <cstdint>
#include <utility>

#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"
#include "media/frame/FrameMetadata.hpp"

namespace sotto::frame {

enum class CodecType : uint8_t { Opus, Vp8, Vp9 };

/// What the payload descriptor said, beyond the metadata: enough to write a new descriptor for each
/// recipient. VP8: RFC 7741; VP9: RFC 9628. Absent values are -1.
struct CodecInfo {
  int32_t pictureId = -1;      ///< as received (7 or 15 bits)
  bool longPictureId = false;  ///< 15 bits
  int16_t tl0PicIdx = -1;      ///< as received
  int8_t temporalId = -1;
  int8_t spatialId = -1;      ///< VP9 only
  bool layerSync = false;     ///< VP8 Y, VP9 U: switching-up point
  bool nonReference = false;  ///< VP8 N
  int8_t keyIndex = -1;       ///< VP8 KEYIDX
  // VP9 only
  bool interPicturePredicted = false;   ///< P
  bool interLayerPredicted = false;     ///< D
  bool flexible = false;                ///< F
  bool notReferenceForSpatial = false;  ///< Z
  bool endOfPicture = false;            ///< the frame's last packet carried the RTP marker
  uint8_t referenceCount = 0;           ///< P_DIFF entries, 0..3 (flexible mode)
  uint8_t references[3] = {0, 0, 0};    ///< P_DIFF
  /// Scalability structure (V bit) as received, verbatim, when the frame carried one.
  uint8_t scalabilityStructureSize = 0;
  uint8_t scalabilityStructure[48] = {};
};

class FramePool;

/// Immutable once assembled. Reference-counted without atomics: a worker is one thread.
class Frame {
 public:
  CodecType codec = CodecType::Opus;
  bool sealed = false;  ///< has a valid trailer; else `metadata` comes from descriptor and codec header
  FrameMetadata metadata;
  CodecInfo codecInfo;
  uint32_t rtpTimestamp = 0;   ///< as received from the publisher
  uint32_t ssrc = 0;           ///< of the publisher's stream
  int64_t firstSequence = 0;   ///< unwrapped, of its first packet
  int64_t lastSequence = 0;    ///< unwrapped, of its last packet
  uint8_t audioLevel = 127;    ///< RFC 6464, audio only; 127 when absent
  bool voiceActivity = false;  ///< RFC 6464 V bit
  base::Timestamp received;    ///< when it became complete
  base::Timestamp began;       ///< when the first of its packets to come had come

  base::ByteView payload() const { return {data_, size_}; }
  /// Only for whoever fills the frame, before it is shared.
  base::MutableByteView writablePayload() { return {data_, size_}; }

 private:
  friend class FramePool;
  friend class FrameRef;
  uint8_t* data_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
  uint32_t references_ = 0;
  FramePool* pool_ = nullptr;
};

/// Shared ownership of a Frame; gives it back to its pool with the last reference.
class FrameRef {
 public:
  FrameRef() = default;
  explicit FrameRef(Frame* frame) : frame_(frame) {
    if (frame_ != nullptr) ++frame_->references_;
  }
  FrameRef(const FrameRef& other) : FrameRef(other.frame_) {}
  FrameRef(FrameRef&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  FrameRef& operator=(FrameRef other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~FrameRef() { reset(); }
  void reset();
  explicit operator bool() const { return frame_ != nullptr; }
  Frame* operator->() const { return frame_; }
  Frame& operator*() const { return *frame_; }

 private:
  Frame* frame_ = nullptr;
};

}  // namespace sotto::frame
