// Decides frame by frame what of one source goes to one recipient, so that nothing undecodable goes out: a
// switch begins at a whole key frame of the layer that is wanted; until then the old layer flows.
#pragma once

#include <cstdint>

#include "media/base/Units.hpp"
#include "media/forward/Ids.hpp"
#include "media/forward/Source.hpp"

namespace sotto::forward {

class LayerSelector {
 public:
  /// A down-switch that has waited so long for its key frame goes on without the old layer, when that does
  /// not fit the rate.
  static constexpr base::TimeDelta maxDownSwitchWait = base::TimeDelta::seconds(1);

  struct Target {
    LayerIndex layer = noLayer;  ///< noLayer: send nothing
    uint8_t maxTemporal = allTemporalLayers;
    bool forced = false;  ///< what is sent now does not fit the rate
  };

  enum class Verdict : uint8_t {
    Drop,
    Forward,
    Switch,  ///< forward; the first frame after a change of layer or a break
  };
  /// Why a frame was dropped: for counting.
  enum class Reason : uint8_t { None, Paused, OtherLayer, AwaitingKeyFrame, TemporalLayer, SpatialLayer };
  struct Decision {
    Verdict verdict = Verdict::Drop;
    Reason reason = Reason::None;
    bool endOfPicture = false;  ///< the last frame of its picture that goes to this recipient
    bool forwards() const { return verdict != Verdict::Drop; }
  };

  void setTarget(const Target& target, base::Timestamp now);
  const Target& target() const { return target_; }
  /// Forgets what was sent: the source has changed.
  void restart();

  Decision onFrame(const ArrivedFrame& arrived, const Source& source, base::Timestamp now);

  /// The layer being sent, or noLayer.
  LayerIndex current() const { return current_; }
  uint8_t currentTemporal() const { return currentTemporal_; }
  /// A switch, or the repair of a break, waits for a key frame of this publisher's stream; 0: nothing waits.
  uint32_t awaitedStream(const Source& source) const;

 private:
  bool sameStream(LayerIndex a, LayerIndex b, const Source& source) const;
  bool mayStart(const ArrivedFrame& arrived, const Source& source) const;
  Decision begin(const ArrivedFrame& arrived, const Source& source);
  void onPicture(const ArrivedFrame& arrived, const Source& source);
  uint8_t allowedTemporal(const Source& source) const;
  Decision forward(const ArrivedFrame& arrived, Verdict verdict);
  static Decision drop(Reason reason) { return {Verdict::Drop, reason, false}; }

  Target target_;
  base::Timestamp waitingSince_ = base::Timestamp::plusInfinity();  ///< for another stream's key frame
  LayerIndex current_ = noLayer;
  uint8_t currentTemporal_ = allTemporalLayers;
  uint32_t currentEpoch_ = 0;
  uint8_t spatialLimit_ = 0;
  bool awaitingKeyFrame_ = false;  ///< current stream is broken
  /// Bit t: a frame of temporal layer t that others may need was not sent.
  uint8_t missingTemporal_ = 0;
  bool pictureOpen_ = false;  ///< the picture sent last lacks its end
  uint8_t lastSpatial_ = 0;
};

}  // namespace sotto::forward
