// Decides frame by frame what of one source goes to one recipient, so that nothing undecodable goes out: a
// switch begins at a whole key frame of the layer that is wanted, and with whatever followed it when it came
// late, so that the picture never goes back in time; until then the old layer flows.
#pragma once

#include <array>
#include <cstdint>

#include "media/base/Units.hpp"
#include "media/forward/Ids.hpp"
#include "media/forward/Source.hpp"

namespace sotto::forward {

class LayerSelector {
 public:
  LayerSelector() { sentAt_.fill(base::Timestamp::minusInfinity()); }

  /// A down-switch that has waited so long for its key frame goes on without the old layer, when that does
  /// not fit the rate.
  static constexpr base::TimeDelta maxDownSwitchWait = base::TimeDelta::seconds(1);

  /// The wanted layer's key frame has not come for so long: one of a layer that suits better than what flows
  /// is taken meanwhile.
  static constexpr base::TimeDelta patience = base::TimeDelta::millis(400);

  /// A layer that has been behind the old one for so long since its key frame is slower on the way, and will
  /// not catch up: it is taken as it is.
  static constexpr base::TimeDelta maxBehind = base::TimeDelta::millis(250);

  struct Target {
    LayerIndex layer = noLayer;  ///< noLayer: send nothing
    uint8_t maxTemporal = allTemporalLayers;
    bool forced = false;  ///< what is sent now does not fit the rate
  };

  enum class Verdict : uint8_t {
    Drop,
    Forward,
    Switch,  ///< forward; the first frame after a change of layer or a break
    /// The stream's run-up (Source::runUp(), whose last frame this is) is to go out whole: its first frame by
    /// catchUp(), each other by onFrame() again.
    CatchUp,
  };
  /// Why a frame was dropped: for counting.
  enum class Reason : uint8_t {
    None,
    Paused,
    OtherLayer,
    AwaitingKeyFrame,
    BehindOldLayer,  ///< the new layer shows what the old one has shown before
    TemporalLayer,
    SpatialLayer
  };
  struct Decision {
    Verdict verdict = Verdict::Drop;
    Reason reason = Reason::None;
    bool endOfPicture = false;  ///< the last frame of its picture that goes to this recipient
    bool forwards() const { return verdict == Verdict::Forward || verdict == Verdict::Switch; }
  };

  void setTarget(const Target& target, base::Timestamp now);
  const Target& target() const { return target_; }
  /// Forgets what was sent: the source has changed.
  void restart();

  Decision onFrame(const ArrivedFrame& arrived, const Source& source, base::Timestamp now);
  /// See Verdict::CatchUp: goes over to the stream of this key frame.
  Decision catchUp(const ArrivedFrame& keyFrame, const Source& source, base::Timestamp now) {
    return begin(keyFrame, source, now);
  }

  /// The layer being sent, or noLayer.
  LayerIndex current() const { return current_; }
  uint8_t currentTemporal() const { return currentTemporal_; }
  /// A switch, or the repair of a break, waits for a key frame of this publisher's stream that has not come
  /// yet; 0: nothing waits.
  uint32_t awaitedStream(const Source& source) const;

 private:
  bool sameStream(LayerIndex a, LayerIndex b, const Source& source) const;
  /// Something decodable is being sent.
  bool flows() const { return current_ != noLayer && !awaitingKeyFrame_; }
  /// It would be, but no frame of it has been whole for so long that something else is better.
  bool stalls(const Source& source, base::Timestamp now) const {
    return now - source.layer(current_).lastFrame > patience;
  }
  bool mayGoTo(LayerIndex layer, const Source& source, base::Timestamp now) const;
  Decision onOtherStream(const ArrivedFrame& arrived, const Source& source, base::Timestamp now);
  Decision begin(const ArrivedFrame& arrived, const Source& source, base::Timestamp now);
  bool mayUseRunUp(uint32_t ssrc, const Source& source) const;
  void onPicture(const ArrivedFrame& arrived, const Source& source);
  uint8_t allowedTemporal(const Source& source) const;
  Decision forward(const ArrivedFrame& arrived, Verdict verdict, base::Timestamp now);
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
  Moment lastSent_;  ///< means something while current_ does
  /// By layer: when a frame of it was sent last. Whoever opens sealed frames takes none twice.
  std::array<base::Timestamp, Source::maxLayers> sentAt_;
};

}  // namespace sotto::forward
