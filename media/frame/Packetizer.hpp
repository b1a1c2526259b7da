// Cuts a frame into packets of one size, so that one UDP_SEGMENT send carries a frame. Deterministic in
// (frame, rewrite, budget): a retransmitted packet is cut again, not stored.
#pragma once

#include <cstddef>
#include <cstdint>

#include "media/base/Bytes.hpp"
#include "media/frame/Frame.hpp"

namespace sotto::frame {

/// What a recipient sees in the payload descriptor instead of the publisher's values. Everything else
/// (S, N, Y, P, D, U, P_DIFF, Z, F, scalability structure) is taken from Frame::codecInfo. A field of -1 is
/// left out.
struct DescriptorRewrite {
  int32_t pictureId = -1;  ///< written with 15 bits
  int16_t tl0PicIdx = -1;  ///< 8 bits
  int8_t temporalId = -1;
  int8_t spatialId = -1;     ///< VP9
  int8_t keyIndex = -1;      ///< VP8
  bool endOfPicture = true;  ///< marker on the last packet: video, highest spatial layer sent of the picture

  /// The publisher's own values, unchanged.
  static DescriptorRewrite passThrough(const Frame& frame);
};

class Packetizer {
 public:
  /// The longest descriptor written: VP9 with references and scalability structure.
  static constexpr size_t maxDescriptorSize = 64;
  /// Budgets below this are taken as this.
  static constexpr size_t minBudget = 128;

  /// `payloadBudget`: bytes for descriptor and chunk in one packet. The frame must outlive the packetizer.
  Packetizer(const Frame& frame, const DescriptorRewrite& rewrite, size_t payloadBudget);

  /// At least 1, also for an empty payload.
  size_t packetCount() const { return count_; }
  /// Descriptor plus chunk of every packet but the last, which may be shorter.
  size_t packetSize() const { return packetSize_; }

  struct Segment {
    base::ByteView chunk;  ///< of the frame's payload
    bool first = false;
    bool last = false;
    bool marker = false;  ///< RTP marker: last packet of a picture (video); never for audio
  };
  /// `index` < packetCount().
  Segment segment(size_t index) const;
  /// Writes the payload descriptor of that packet; returns its size (0 for Opus). `out` must have
  /// maxDescriptorSize bytes.
  size_t writeDescriptor(size_t index, base::MutableByteView out) const;

 private:
  size_t descriptorSize(size_t index) const { return index == 0 ? firstDescriptor_ : otherDescriptor_; }
  size_t encode(bool first, bool last, base::MutableByteView out) const;
  const Frame& frame_;
  DescriptorRewrite rewrite_;
  size_t firstDescriptor_ = 0;
  size_t otherDescriptor_ = 0;
  size_t count_ = 1;
  size_t packetSize_ = 0;
};

}  // namespace sotto::frame
