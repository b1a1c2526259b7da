// Frames whose every byte follows from who made them and when, so that a receiver can tell whether a frame
// is the one that was sent, and whether it could be decoded: each says which frame it builds upon.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"
#include "media/frame/Frame.hpp"

namespace sotto::sim {

/// What a synthetic frame says of itself.
struct SyntheticFrame {
  frame::CodecType codec = frame::CodecType::Vp8;
  uint32_t author = 0;  ///< number of the client in the simulation
  uint8_t layer = 0;
  bool keyFrame = false;
  uint32_t number = 0;     ///< counts the frames of this stream from 0
  uint32_t reference = 0;  ///< number of the frame that this one needs; its own on key frames
  uint8_t temporalIndex = 0;
  bool discardable = false;     ///< no later frame refers to it (not in the bytes)
  bool switchingPoint = false;  ///< refers to the base layer only (not in the bytes)
  uint16_t width = 0, height = 0;
  base::Timestamp captured;
  uint32_t size = 0;  ///< of the whole encoded frame in bytes
};

/// Smallest size that holds the fields of any codec.
constexpr uint32_t minimumSyntheticSize = 64;

/// Encodes: a real VP8 frame header (RFC 6386 section 9.1) or first bytes that pass as VP9 or Opus, then the
/// fields, then bytes drawn from all of them.
std::vector<uint8_t> encodeSynthetic(const SyntheticFrame& frame);
/// The frame that `bytes` are, or nullopt when a single byte differs from what encodeSynthetic would make.
std::optional<SyntheticFrame> decodeSynthetic(base::ByteView bytes);

/// One video layer or audio stream being made: key frames on demand, temporal layers, sizes around a mean.
class SyntheticEncoder {
 public:
  struct Settings {
    frame::CodecType codec = frame::CodecType::Vp8;
    uint32_t author = 0;
    uint8_t layer = 0;
    uint16_t width = 0, height = 0;
    uint32_t meanSize = 1'000;   ///< of a delta frame, bytes
    uint32_t keySize = 5'000;    ///< of a key frame, bytes
    uint8_t temporalLayers = 1;  ///< 1..3, in the pattern 0 2 1 2
  };
  SyntheticEncoder(Settings settings, uint64_t seed) : settings_(settings), state_(seed) {}

  void wantKeyFrame() { keyWanted_ = true; }
  SyntheticFrame next(base::Timestamp captured);
  const Settings& settings() const { return settings_; }
  uint32_t keyFrames() const { return keyFrames_; }

 private:
  uint32_t vary(uint32_t mean);

  Settings settings_;
  uint64_t state_;
  bool keyWanted_ = true;
  uint32_t number_ = 0, sinceKey_ = 0, keyFrames_ = 0;
  uint32_t lastOfLayer_[3] = {0, 0, 0};
};

}  // namespace sotto::sim
