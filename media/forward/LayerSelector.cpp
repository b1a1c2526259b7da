#include "media/forward/LayerSelector.hpp"

#include <algorithm>

namespace sotto::forward {

using base::Timestamp;

void LayerSelector::setTarget(const Target& target, Timestamp now) {
  if (target.layer != target_.layer || (target.forced && !target_.forced)) waitingSince_ = now;
  target_ = target;
}

void LayerSelector::restart() {
  current_ = noLayer;
  awaitingKeyFrame_ = false;
  pictureOpen_ = false;
}

bool LayerSelector::sameStream(LayerIndex a, LayerIndex b, const Source& source) const {
  return a != noLayer && b != noLayer && source.layer(a).ssrc == source.layer(b).ssrc;
}

uint32_t LayerSelector::awaitedStream(const Source& source) const {
  if (target_.layer == noLayer) return 0;
  const Source::Layer& wanted = source.layer(target_.layer);
  if (current_ == noLayer || awaitingKeyFrame_ || source.layer(current_).ssrc != wanted.ssrc)
    return wanted.ssrc;
  return wanted.spatial > spatialLimit_ ? wanted.ssrc : 0;
}

bool LayerSelector::mayStart(const ArrivedFrame& arrived, const Source& source) const {
  if (!arrived.startsStream) return false;
  if (sameStream(arrived.layer, target_.layer, source)) return true;
  // While nothing decodable flows a lower layer is better than waiting.
  const bool flows = current_ != noLayer && !awaitingKeyFrame_;
  return !flows && source.isBelow(arrived.layer, target_.layer);
}

LayerSelector::Decision LayerSelector::begin(const ArrivedFrame& arrived, const Source& source) {
  const bool reached = sameStream(arrived.layer, target_.layer, source);
  current_ = arrived.layer;
  currentEpoch_ = arrived.epoch;
  spatialLimit_ = reached ? source.layer(target_.layer).spatial : uint8_t{0};
  currentTemporal_ = reached ? target_.maxTemporal : allTemporalLayers;
  awaitingKeyFrame_ = false;
  missingTemporal_ = 0;
  pictureOpen_ = false;
  return forward(arrived, Verdict::Switch);
}

LayerSelector::Decision LayerSelector::forward(const ArrivedFrame& arrived, Verdict verdict) {
  const bool last = arrived.frame->codec != frame::CodecType::Vp9 || arrived.spatial >= spatialLimit_ ||
                    arrived.frame->codecInfo.endOfPicture;
  pictureOpen_ = !last;
  lastSpatial_ = arrived.spatial;
  if (last) current_ = arrived.layer;
  return {verdict, Reason::None, last};
}

uint8_t LayerSelector::allowedTemporal(const Source& source) const {
  if (sameStream(current_, target_.layer, source)) return target_.maxTemporal;
  // While a switch down waits, only the base of the old layer goes out.
  if (source.isBelow(target_.layer, current_) && target_.forced) return 0;
  return currentTemporal_;
}

/// A new picture of the stream that is being sent begins: the point where spatial layers may change.
void LayerSelector::onPicture(const ArrivedFrame& arrived, const Source& source) {
  if (pictureOpen_) {
    // The upper spatial layer of the picture before never came: go on below it until the next key frame.
    spatialLimit_ = lastSpatial_;
    pictureOpen_ = false;
  }
  if (!sameStream(current_, target_.layer, source)) return;
  const uint8_t wanted = source.layer(target_.layer).spatial;
  if (wanted < spatialLimit_ || arrived.startsStream) spatialLimit_ = wanted;
}

LayerSelector::Decision LayerSelector::onFrame(const ArrivedFrame& arrived, const Source& source,
                                               Timestamp now) {
  if (target_.layer == noLayer) {
    restart();
    return drop(Reason::Paused);
  }
  if (!sameStream(arrived.layer, current_, source)) {
    if (mayStart(arrived, source)) return begin(arrived, source);
    return drop(sameStream(arrived.layer, target_.layer, source) ? Reason::AwaitingKeyFrame
                                                                 : Reason::OtherLayer);
  }

  if (arrived.epoch != currentEpoch_) awaitingKeyFrame_ = true;
  if (awaitingKeyFrame_) {
    // A stream that is wanted no more is not repaired: the target's key frame is what is asked for.
    return mayStart(arrived, source) ? begin(arrived, source) : drop(Reason::AwaitingKeyFrame);
  }
  const bool switchingDown =
      !sameStream(current_, target_.layer, source) && source.isBelow(target_.layer, current_);
  if (switchingDown && target_.forced && now - waitingSince_ >= maxDownSwitchWait) {
    awaitingKeyFrame_ = true;
    return drop(Reason::AwaitingKeyFrame);
  }

  if (arrived.startsPicture) {
    onPicture(arrived, source);
    currentTemporal_ = allowedTemporal(source);
    if (arrived.startsStream) missingTemporal_ = 0;
  }
  if (arrived.spatial > spatialLimit_) return drop(Reason::SpatialLayer);
  const uint8_t temporal = std::min<uint8_t>(arrived.temporal, 7);
  const auto below = static_cast<uint8_t>((2u << temporal) - 2u);  // bits 1..temporal
  const bool decodable = (missingTemporal_ & below) == 0 || (arrived.temporalSwitch && temporal > 0);
  if (temporal > currentTemporal_ || !decodable) {
    if (!arrived.disposable) missingTemporal_ |= static_cast<uint8_t>(1u << temporal);
    return drop(Reason::TemporalLayer);
  }
  missingTemporal_ &= static_cast<uint8_t>(~(1u << temporal));
  return forward(arrived, Verdict::Forward);
}

}  // namespace sotto::forward
