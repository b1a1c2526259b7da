// What a participant sends: encoded frames with the time at which each is due. Files and synthetic sources
// look the same to the call that plays them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"
#include "media/frame/Frame.hpp"

namespace sotto::client::mediafile {

/// One encoded frame of one layer, before sealing. `payload` is valid until the source is asked again.
struct SourceFrame {
  base::ByteView payload;
  base::TimeDelta due;    ///< since the source's start; frames of all layers of one picture share it
  size_t layer = 0;       ///< index into layers(), lowest first; 0 for audio
  bool keyFrame = false;  ///< video only
  uint8_t temporalIndex = 0;
  bool discardable = false;
  bool temporalSwitchingPoint = false;
  uint16_t width = 0, height = 0;  ///< pixels, of the layer's current key frame; video only
  uint8_t audioLevel = 127;        ///< -dBov as in RFC 6464, 127 silence; audio only
  bool voiceActivity = false;
};

/// A simulcast layer. Lowest first, as in FrameMetadata's spatial index.
struct SourceLayer {
  uint16_t width = 0, height = 0;  ///< pixels, of its first key frame
  base::DataRate rate;             ///< average over the file, or the target of a synthetic layer
};

/// An endless source; files start over at their end. Pull-driven: whoever owns the clock asks for the next
/// frame when `nextDue` has come.
class MediaSource {
 public:
  virtual ~MediaSource() = default;

  virtual frame::CodecType codec() const = 0;
  virtual std::span<const SourceLayer> layers() const = 0;
  /// When the next frame is due, since the start; never goes back.
  virtual base::TimeDelta nextDue() const = 0;
  /// The next frame, in the order in which they are due (layers of one picture lowest first). `wallClockUs`:
  /// microseconds since the Unix epoch, which synthetic frames carry as their capture time.
  virtual SourceFrame next(int64_t wallClockUs) = 0;
  /// Someone needs a key frame of `layer`. A synthetic source makes one with its next picture; a file goes on
  /// at its next key frame (all layers together where their key frames lie side by side).
  virtual void requestKeyFrame(size_t layer) = 0;
};

}  // namespace sotto::client::mediafile
