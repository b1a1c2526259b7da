// Knows which frames can still be decoded after some were lost, from what the payload descriptors say: VP8 by
// TL0PICIDX and layer sync (RFC 7741), VP9 by P_DIFF or the picture group (RFC 9628).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "media/frame/Frame.hpp"

namespace sotto::frame {

/// What one packet says of its frame's place in the stream. Absent values are -1.
struct PictureInfo {
  int32_t pictureId = -1;
  bool longPictureId = false;
  int16_t tl0PicIdx = -1;
  int8_t temporalId = -1;
  int8_t spatialId = -1;
  bool nonReference = false;
};

class ReferenceTracker {
 public:
  explicit ReferenceTracker(CodecType codec) : codec_(codec) {}

  /// What is missing between the last frame decided and another one. Nothing: only padding was (picture ids
  /// are contiguous). Disposable: no other frame needs it. UpperLayers: the chain of temporal layer 0 is
  /// whole.
  enum class Loss : uint8_t { Nothing, Disposable, UpperLayers, Unknown };
  /// `next` is the frame after what is missing. `partlyDisposable(pictureId)` tells whether a packet of that
  /// missing picture is at hand and says N.
  template <typename PartlyDisposable>
  Loss classify(const PictureInfo& next, PartlyDisposable&& partlyDisposable) const {
    if (codec_ == CodecType::Opus) return Loss::Disposable;
    const std::optional<int> missing = missingPictures(next);
    if (!missing) return Loss::Unknown;
    if (*missing == 0) return Loss::Nothing;
    const bool baseWhole = baseContiguous(next);
    // VP9 in flexible mode has no TL0PICIDX, but names every reference: a wrong guess is found out there.
    bool disposable = (baseWhole || codec_ == CodecType::Vp9) && *missing <= maxDisposable;
    for (int i = 1; disposable && i <= *missing; ++i) {
      disposable = partlyDisposable((last_->pictureId + i) & pictureMask(next));
    }
    if (disposable) return Loss::Disposable;
    return baseWhole ? Loss::UpperLayers : Loss::Unknown;
  }
  /// Frames were given up.
  void onLoss(Loss loss);
  /// The next frame in order is complete: true when everything that it refers to was decodable. Learns from
  /// it either way.
  bool onFrame(const Frame& frame);
  /// The frame that onFrame() just took is thrown away after all (no valid trailer).
  void onRejected(const Frame& frame);
  /// Temporal layer 0 cannot be decoded (wholly) before the next key frame. True from the beginning.
  bool baseBroken() const { return baseBroken_; }

 private:
  static constexpr int maxDisposable = 15;
  static constexpr size_t temporalLayers = 8;

  int32_t pictureMask(const PictureInfo& next) const {
    return last_ && last_->longPictureId && next.longPictureId ? 0x7FFF : 0x7F;
  }
  std::optional<int> missingPictures(const PictureInfo& next) const;
  bool baseContiguous(const PictureInfo& next) const;
  bool decodableVp8(const Frame& frame);
  bool decodableVp9(const Frame& frame);
  bool hasReferences(const Frame& frame) const;
  bool hasGroupReferences(const Frame& frame) const;
  void learnPlace(const Frame& frame);
  void learnPictureGroup(const CodecInfo& info);
  bool delivered(int32_t pictureId, unsigned spatial) const;
  void markDelivered(const CodecInfo& info, bool value);

  CodecType codec_;
  bool baseBroken_ = true;
  bool unknownLoss_ = true;  ///< since the last key picture; for VP9 frames whose references nobody names
  std::array<bool, temporalLayers> broken_{};  ///< VP8: temporal layers that wait for a layer sync
  std::optional<PictureInfo> last_;
  bool lastEndedPicture_ = true;

  struct Delivered {
    int32_t pictureId = -1;
    uint8_t spatialMask = 0;
  };
  std::array<Delivered, 128> delivered_{};  ///< ring by picture id; P_DIFF reaches back 127
  struct GroupPicture {
    uint8_t referenceCount = 0;
    std::array<uint8_t, 3> references{};
  };
  uint8_t groupSize_ = 0;  ///< 0: no picture group known
  int32_t groupStart_ = -1;
  std::array<GroupPicture, 255> group_{};
};

}  // namespace sotto::frame
