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
  if (!flows()) return wanted.ssrc;
  if (source.layer(current_).ssrc != wanted.ssrc) return mayUseRunUp(wanted.ssrc, source) ? 0 : wanted.ssrc;
  return wanted.spatial > spatialLimit_ ? wanted.ssrc : 0;
}

/// There is a run-up, and nothing of it has been sent before: a switch away and back must not send it again.
bool LayerSelector::mayUseRunUp(uint32_t ssrc, const Source& source) const {
  const RunUp& runUp = source.runUp(ssrc);
  return !runUp.frames().empty() && sentAt_[runUp.frames().front().layer] < runUp.since();
}

/// Whether the layer is to be sent as soon as decoding can begin there.
bool LayerSelector::mayGoTo(LayerIndex layer, const Source& source, Timestamp now) const {
  if (sameStream(layer, target_.layer, source)) return true;
  // While nothing decodable flows a lower layer is better than waiting.
  if (!flows() || stalls(source, now)) return source.isBelow(layer, target_.layer);
  if (now - waitingSince_ < patience) return false;
  if (source.isBelow(current_, target_.layer))
    return source.isBelow(current_, layer) && source.isBelow(layer, target_.layer);
  return source.isBelow(layer, current_) && (target_.forced || source.isBelow(target_.layer, layer));
}

/// A frame of a stream that is not being sent.
LayerSelector::Decision LayerSelector::onOtherStream(const ArrivedFrame& arrived, const Source& source,
                                                     Timestamp now) {
  const bool wanted = sameStream(arrived.layer, target_.layer, source);
  if (!mayGoTo(arrived.layer, source, now)) return drop(Reason::OtherLayer);
  if (!flows()) {
    if (arrived.startsStream) return begin(arrived, source, now);
    return drop(wanted ? Reason::AwaitingKeyFrame : Reason::OtherLayer);
  }
  const RunUp& runUp = source.runUp(arrived.frame->ssrc);
  if (!mayUseRunUp(arrived.frame->ssrc, source))
    return drop(wanted ? Reason::AwaitingKeyFrame : Reason::OtherLayer);
  const bool behind = Moment(arrived).isBefore(lastSent_);
  if (behind && runUp.age(now) < maxBehind) return drop(Reason::BehindOldLayer);
  if (arrived.startsStream) return begin(arrived, source, now);
  return {Verdict::CatchUp, Reason::None, false};
}

LayerSelector::Decision LayerSelector::begin(const ArrivedFrame& arrived, const Source& source,
                                             Timestamp now) {
  const bool reached = sameStream(arrived.layer, target_.layer, source);
  current_ = arrived.layer;
  currentEpoch_ = arrived.epoch;
  spatialLimit_ = reached ? source.layer(target_.layer).spatial : uint8_t{0};
  currentTemporal_ = reached ? target_.maxTemporal : allTemporalLayers;
  awaitingKeyFrame_ = false;
  missingTemporal_ = 0;
  pictureOpen_ = false;
  return forward(arrived, Verdict::Switch, now);
}

LayerSelector::Decision LayerSelector::forward(const ArrivedFrame& arrived, Verdict verdict, Timestamp now) {
  const bool last = arrived.frame->codec != frame::CodecType::Vp9 || arrived.spatial >= spatialLimit_ ||
                    arrived.frame->codecInfo.endOfPicture;
  pictureOpen_ = !last;
  lastSent_ = Moment(arrived);
  sentAt_[arrived.layer] = now;
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
  if (!sameStream(arrived.layer, current_, source)) return onOtherStream(arrived, source, now);
  if (arrived.epoch != currentEpoch_) awaitingKeyFrame_ = true;
  if (awaitingKeyFrame_) {
    // A stream that is wanted no more is not repaired: the target's key frame is what is asked for.
    const bool may = arrived.startsStream && mayGoTo(arrived.layer, source, now);
    return may ? begin(arrived, source, now) : drop(Reason::AwaitingKeyFrame);
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
  return forward(arrived, Verdict::Forward, now);
}

}  // namespace sotto::forward
