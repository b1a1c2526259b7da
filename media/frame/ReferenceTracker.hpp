// Knows which frames can still be decoded after some were lost, from what the payload descriptors say: VP8 by
// TL0PICIDX and layer sync (RFC 7741), VP9 by P_DIFF or the picture group (RFC 9628).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "media/frame/Frame.hpp"
#include "media/rtp/Vp9Descriptor.hpp"

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

  /// What is lost between the last frame decided and the frame that `next` describes. `nothing`: only padding
  /// was (picture ids are contiguous).
  enum class Loss : uint8_t { Nothing, Disposable, UpperLayers, Unknown };
  /// `partlyDisposable(pictureId)` tells whether a packet of that missing picture is at hand and says N.
  template <typename PartlyDisposable>
  Loss classify(const PictureInfo& next, PartlyDisposable&& partlyDisposable) const;
  /// Frames were given up.
  void onLoss(Loss loss);
  /// The next frame in order is complete: true when all that it refers to was. Learns from it either way.
  bool onFrame(const Frame& frame);
  /// The frame that onFrame() just took was thrown away after all (no valid trailer).
  void onRejected(const Frame& frame);
  /// Nothing at the base can be decoded before a key frame.
  bool baseBroken() const { return baseBroken_; }

 private:
  static constexpr size_t phaseCount = 16;
  static constexpr size_t temporalLayers = 8;
  static constexpr uint8_t confident = 2;

  std::optional<int> missingPictures(const PictureInfo& next) const;
  bool baseContiguous(const PictureInfo& next) const;
  bool phaseDisposable(int phase) const;
  bool decodableVp8(const Frame& frame);
  bool decodableVp9(const Frame& frame);
  bool hasReferencesVp9(const Frame& frame) const;
  void learnPhase(const Frame& frame);
  void learnStructure(const Frame& frame);
  bool delivered(int32_t pictureId, int spatial) const;
  void markDelivered(const Frame& frame);

  CodecType codec_;
  bool baseBroken_ = true;
  std::array<bool, temporalLayers> broken_{};
  std::optional<PictureInfo> last_;
  bool lastEndedPicture_ = true;
  int phase_ = -1;                            ///< pictures since the last base layer frame
  std::array<uint8_t, phaseCount> phases_{};  ///< how often in a row that phase could be thrown away

  struct Delivered {
    int32_t pictureId = -1;
    uint8_t spatialMask = 0;
  };
  std::array<Delivered, 128> delivered_{};
  bool hasGroup_ = false;
  uint8_t groupSize_ = 0;
  int32_t groupStart_ = -1;
  struct GroupPicture {
    uint8_t referenceCount = 0;
    std::array<uint8_t, 3> references{};
  };
  std::array<GroupPicture, 255> group_{};
};

}  // namespace sotto::frame
