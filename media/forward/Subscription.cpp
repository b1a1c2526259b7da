#include "media/forward/Subscription.hpp"

namespace sotto::forward {

using base::Timestamp;

void Subscription::bind(const Source* source, Timestamp now) {
  if (source == bound_) return;
  bound_ = source;
  boundAt_ = now;
  next_ = LayerSelector{};
  // Nothing to wait for: nothing is to play, or nothing plays yet, or only its last picture stands.
  if (bound_ == nullptr || playing_ == nullptr || selector_.current() == noLayer) finishHandover();
}

void Subscription::finishHandover() {
  if (!handingOver()) return;
  playing_ = bound_;
  selector_ = next_;
}

void Subscription::onSourceGone(const Source* source) {
  if (bound_ == source) {
    bound_ = nullptr;
    finishHandover();
    selector_ = LayerSelector{};
  } else if (playing_ == source) {
    finishHandover();
  }
}

void Subscription::restart() {
  selector_.restart();
  next_.restart();
}

void Subscription::setTarget(const LayerSelector::Target& target, Timestamp now) {
  (handingOver() ? next_ : selector_).setTarget(target, now);
}

LayerSelector::Decision Subscription::onFrame(const ArrivedFrame& arrived, const Source& source,
                                              uint32_t publisher, Timestamp now, stream::PacketSink& sink) {
  if (!sender_.takes(arrived.frame->codec)) return {};
  const bool incoming = handingOver() && &source == bound_;
  const LayerSelector::Decision decision = (incoming ? next_ : selector_).onFrame(arrived, source, now);
  if (decision.verdict == LayerSelector::Verdict::CatchUp)
    return catchUp(arrived, source, publisher, now, sink);
  if (!decision.forwards()) return decision;
  if (incoming) finishHandover();
  send(arrived, decision, publisher, now, sink);
  return decision;
}

/// A switch that was waited for until the new layer had caught up: all of it from the key frame on goes out
/// at once. The answer is that of the key frame.
LayerSelector::Decision Subscription::catchUp(const ArrivedFrame& arrived, const Source& source,
                                              uint32_t publisher, Timestamp now, stream::PacketSink& sink) {
  const auto runUp = source.runUp(arrived.frame->ssrc).frames();
  LayerSelector::Decision decision = selector_.catchUp(runUp.front(), source, now);
  const LayerSelector::Decision first = decision;
  send(runUp.front(), decision, publisher, now, sink);
  for (const ArrivedFrame& each : runUp.subspan(1)) {
    decision = selector_.onFrame(each, source, now);
    if (decision.forwards()) send(each, decision, publisher, now, sink);
  }
  return first;
}

void Subscription::send(const ArrivedFrame& arrived, const LayerSelector::Decision& decision,
                        uint32_t publisher, Timestamp now, stream::PacketSink& sink) {
  sender_.send(arrived,
               {publisher, decision.verdict == LayerSelector::Verdict::Switch, decision.endOfPicture}, now,
               sink);
}

bool Subscription::uses(uint32_t ssrc) const {
  auto is = [&](const Source* source, LayerIndex layer) {
    return source != nullptr && layer != noLayer && source->layer(layer).ssrc == ssrc;
  };
  return is(playing_, selector_.current()) || is(bound_, selector().target().layer);
}

bool Subscription::onTime(Timestamp now) {
  if (!handingOver() || now - boundAt_ < maxHandover) return false;
  finishHandover();
  return true;
}

}  // namespace sotto::forward
