// What a synthetic frame says about itself, so that a receiver can verify its content and measure its age.
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Bytes.hpp"
#include "media/frame/Frame.hpp"

namespace sotto::client::mediafile {

struct SyntheticProof {
  uint32_t seed = 0;
  uint32_t picture = 0;  ///< counts pictures; all layers of one picture share it
  uint8_t layer = 0;
  uint8_t temporalIndex = 0;
  bool keyFrame = false;
  int64_t capturedUs = 0;  ///< microseconds since the Unix epoch, by the sender's clock
};

/// Bytes that the proof takes behind the codec's own header (1 byte in Opus, 3 or 10 in VP8).
constexpr size_t syntheticProofSize = 39;

/// Fills `frame` behind its first `headerSize` bytes, which the caller has written, with proof and filler.
/// Room for the proof is the caller's duty.
void writeSynthetic(const SyntheticProof& proof, size_t headerSize, base::MutableByteView frame);

/// The proof inside a frame of the synthetic sources; nullopt when it is no such frame or any byte of it
/// differs from what was sent.
std::optional<SyntheticProof> checkSynthetic(frame::CodecType codec, base::ByteView frame);
/// True when the frame claims to be synthetic (whether or not it is intact).
bool looksSynthetic(frame::CodecType codec, base::ByteView frame);

}  // namespace sotto::client::mediafile
