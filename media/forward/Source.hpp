// What someone publishes: one track with its layers (simulcast streams by SSRC, VP9 spatial layers within
// one). Knows their sizes from key frames and their rates from what arrives, and ranks them by size: the
// order of rids or SSRCs says nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "media/congestion/RateMeter.hpp"
#include "media/forward/Allocator.hpp"
#include "media/forward/ArrivedFrame.hpp"
#include "media/forward/Ids.hpp"
#include "media/forward/KeyFrameRequests.hpp"
#include "media/forward/RunUp.hpp"
#include "media/frame/Frame.hpp"
#include "media/rtp/NtpTime.hpp"

namespace sotto::forward {

class Source {
 public:
  static constexpr size_t maxLayers = 12;
  static constexpr size_t maxTemporalLayers = 4;
  /// A stream without a packet for so many of its usual frame intervals, while another one of the source has
  /// some, is not being sent. Packets count, not frames: one whose frames cannot be decoded for now is there
  /// all the same, a key frame away. The same holds of a spatial layer that is missing from its stream's
  /// frames ...
  static constexpr int layerTimeoutIntervals = 8;
  /// ... but within these bounds: the network may hold back the packets of one stream, and a slow screen
  /// share is not awaited for ever.
  static constexpr base::TimeDelta minLayerTimeout = base::TimeDelta::millis(250);
  static constexpr base::TimeDelta layerTimeout = base::TimeDelta::millis(1'500);
  /// A source without any frame for so long has stopped.
  static constexpr base::TimeDelta sourceTimeout = base::TimeDelta::seconds(2);

  /// A layer that has been gone for longer is not missed: the publisher does without it.
  static constexpr base::TimeDelta rememberedFor = base::TimeDelta::seconds(60);

  struct Layer {
    uint32_t ssrc = 0;
    uint8_t spatial = 0;
    uint16_t width = 0, height = 0;  ///< of its latest frame that said so; 0: unknown
    base::Timestamp lastFrame = base::Timestamp::minusInfinity();
    base::TimeDelta interval = layerTimeout;  ///< between frames, smoothed; at first unknown
    bool active = true;                       ///< it is being sent
    std::array<congestion::RateMeter, maxTemporalLayers> rates;
    uint32_t pixels() const { return uint32_t{width} * height; }
  };

  explicit Source(SourceId id) : id_(id) {}
  SourceId id() const { return id_; }

  /// A packet of stream `ssrc` brought something new.
  void onPacket(uint32_t ssrc, base::Timestamp now);
  /// Takes note of a complete frame that may be forwarded and says where it belongs. `layer` is noLayer when
  /// the table is full of layers that are all in use: the frame is to be dropped.
  ArrivedFrame onFrame(const frame::FrameRef& frame, std::optional<rtp::NtpTime> captured,
                       base::Timestamp now);
  /// A frame of stream `ssrc` was not let through. What follows in that stream may depend on it, so its epoch
  /// changes: whoever forwards it needs a key frame.
  void onRejected(uint32_t ssrc);
  /// The same for all streams.
  void onAllRejected();

  /// Grows when a layer appears, changes its size, stops or comes back.
  uint64_t layoutRevision() const { return layoutRevision_; }
  const Layer& layer(LayerIndex index) const { return layers_[index]; }
  size_t layerCount() const { return layerCount_; }
  /// A frame of that stream has come in.
  bool knows(uint32_t ssrc) const;
  /// From the stream's newest key frame up to now, or empty.
  const RunUp& runUp(uint32_t ssrc) const;
  bool active(LayerIndex index) const { return layers_[index].active; }
  bool stopped(base::Timestamp now) const { return lastFrame_ + sourceTimeout < now; }
  /// Rate on the wire of a layer up to a temporal layer, with the spatial layers below that it builds on.
  base::DataRate rate(LayerIndex index, uint8_t maxTemporal, base::Timestamp now) const;
  /// The layer's own stream and spatial layer show less than the other's.
  bool isBelow(LayerIndex a, LayerIndex b) const { return layers_[a].pixels() < layers_[b].pixels(); }

  /// All ways to send what arrives now, worst first. Valid until the next call. Measured anew every 100 ms at
  /// most.
  std::span<const LayerOption> options(base::Timestamp now);
  /// The tallest layer known within `maxHeight` (0: no bound), whether it arrives now or not; noLayer: none.
  LayerIndex bestKnown(uint32_t maxHeight) const;

  KeyFrameRequests& keyFrames() { return keyFrames_; }
  /// Asks for key frames of the streams whose sizes are not known yet; for a source that somebody watches.
  void wantSizes(base::Timestamp now);

 private:
  struct Stream {
    uint32_t ssrc = 0;
    uint32_t epoch = 0;
    uint32_t timestamp = 0;
    int16_t lastSpatial = -1;
    base::Timestamp lastPacket = base::Timestamp::minusInfinity();
    base::Timestamp lastFrame = base::Timestamp::minusInfinity();
    RunUp runUp;
  };
  Stream* findStream(uint32_t ssrc);
  const Stream* findStream(uint32_t ssrc) const;
  Stream& streamOf(uint32_t ssrc);
  bool isSent(const Layer& layer) const;
  void noteActivity();
  void setSize(LayerIndex index, uint16_t width, uint16_t height);
  void learnStructure(const frame::Frame& frame, base::Timestamp now);
  LayerIndex layerOf(uint32_t ssrc, uint8_t spatial, base::Timestamp now);
  void measure(base::Timestamp now);
  void addOptions(LayerIndex index, bool lowest, base::Timestamp now);

  SourceId id_;
  std::array<Layer, maxLayers> layers_;
  size_t layerCount_ = 0;
  std::array<Stream, maxLayers> streams_;
  size_t streamCount_ = 0;
  size_t nextStream_ = 0;
  uint32_t epochs_ = 0;
  uint64_t layoutRevision_ = 0;
  base::Timestamp lastPacket_ = base::Timestamp::minusInfinity();
  base::Timestamp lastFrame_ = base::Timestamp::minusInfinity();
  std::array<LayerOption, maxLayers * 3> options_;
  size_t optionCount_ = 0;
  base::Timestamp optionsAt_ = base::Timestamp::minusInfinity();
  KeyFrameRequests keyFrames_;
};

/// The options within `maxHeight` pixels (0: no bound); when all are taller, those of the smallest layer.
std::span<const LayerOption> optionsWithin(std::span<const LayerOption> options, uint32_t maxHeight);

}  // namespace sotto::forward
