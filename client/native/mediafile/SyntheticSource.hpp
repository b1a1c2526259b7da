// Media without an encoder: frames of realistic sizes and rhythm whose content proves itself at the receiver.
#pragma once

#include <cstdint>
#include <memory>

#include "client/native/mediafile/MediaSource.hpp"
#include "client/native/mediafile/SyntheticProof.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::mediafile {

struct SyntheticVideoOptions {
  uint16_t height =
      720;  ///< of the top layer: 180, 360, 720 or 1080; each layer below has half of it, down to 180
  unsigned framesPerSecond = 30;  ///< 1..120
  unsigned temporalLayers = 1;    ///< 1..3; with 3: T0 T2 T1 T2
  /// A key frame at least this often, so that a receiver recovers even when all its requests are lost.
  base::TimeDelta keyFrameInterval = base::TimeDelta::seconds(10);
  uint32_t seed = 1;  ///< names the source; its frames' content and sizes follow from it
};

/// VP8-looking frames (a valid frame tag, start code and size; the rest cannot be decoded) in up to three
/// simulcast layers of 150, 500, 1,700 (and 3,500) kb/s. Each carries its own number, capture time and a
/// checksum.
std::unique_ptr<MediaSource> makeSyntheticVideo(const SyntheticVideoOptions& options);

/// Opus-looking packets of 20 ms, 64 kb/s, with the same proof inside. `speaking`: false gives silence
/// levels.
std::unique_ptr<MediaSource> makeSyntheticAudio(uint32_t seed, bool speaking = true);

/// "180p", "360p", "720p", "1080p".
base::Expected<SyntheticVideoOptions> parseSyntheticName(const std::string& name);

}  // namespace sotto::client::mediafile
