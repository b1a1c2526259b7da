// How a Recipient divides its rate among its video slots, and what it tells of that.
#include <algorithm>
#include <cmath>

#include "media/room/Recipient.hpp"

namespace sotto::room {

using base::DataRate;
using base::Timestamp;
using forward::noLayer;

namespace {
/// Kept for reports, retransmissions and the breath of measured rates.
constexpr double mediaShare = 0.95;
/// Audio gets at least this much for each voice that plays, also before it is measured.
constexpr int64_t audioReserveBps = 32'000;
}  // namespace

DataRate Recipient::videoBudget(Timestamp now) const {
  if (!rateCap_) return DataRate::infinite();
  const auto voices =
      std::count_if(audio_.begin(), audio_.end(), [](const auto& slot) { return slot.track; });
  const DataRate audio =
      std::max(audioRate_.rate(now), DataRate::bitsPerSecond(voices > 0 ? audioReserveBps : 0));
  const DataRate left = *rateCap_ * mediaShare - audio;
  return std::max(left, DataRate::zero());
}

int Recipient::currentOption(const VideoSlot& slot, std::span<const forward::LayerOption> options) const {
  const forward::LayerSelector& selector = slot.subscription->selector();
  int best = -1;
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i].layer != selector.current()) continue;
    if (best < 0 || options[i].maxTemporal <= selector.currentTemporal()) best = static_cast<int>(i);
  }
  return best;
}

DataRate Recipient::flowing(Timestamp now) const {
  DataRate total;
  for (const VideoSlot& slot : video_) {
    const forward::Subscription& subscription = *slot.subscription;
    if (subscription.playing() == nullptr || subscription.playingLayer() == noLayer) continue;
    total += subscription.playing()->rate(subscription.playingLayer(), forward::allTemporalLayers, now);
  }
  return total;
}

void Recipient::allocate(Timestamp now) {
  for (size_t i = 0; i < video_.size(); ++i) {
    VideoSlot& slot = video_[i];
    demands_[i] = forward::SlotDemand{};
    if (slot.bound == nullptr || slot.bound->muted) continue;
    forward::SlotDemand& demand = demands_[i];
    demand.options = forward::optionsWithin(slot.bound->source.options(now), slot.wish.maxHeight);
    demand.priority = slot.wish.priority;
    demand.current = currentOption(slot, demand.options);
  }
  const DataRate budget = videoBudget(now);
  forward::allocate(demands_, budget, grants_);
  // Old layers flow while switches wait, and may be too much though what they wait for would fit.
  const bool overBudget = flowing(now) > budget;
  for (size_t i = 0; i < video_.size(); ++i) {
    VideoSlot& slot = video_[i];
    slot.grant = grants_[i];
    if (slot.bound == nullptr) continue;
    forward::LayerSelector::Target target;
    target.forced = slot.grant.limitedByBudget || overBudget;
    if (slot.grant.option >= 0) {
      const forward::LayerOption& option = demands_[i].options[static_cast<size_t>(slot.grant.option)];
      target.layer = option.layer;
      target.maxTemporal = option.maxTemporal;
    }
    slot.subscription->setTarget(target, now);
  }
}

void Recipient::wantKeyFrames(Timestamp now) {
  if (!ready_) return;
  for (VideoSlot& slot : video_) {
    if (slot.bound == nullptr || slot.bound->muted) continue;
    slot.bound->source.wantSizes(now);
    if (const uint32_t ssrc = slot.subscription->awaitedStream())
      slot.bound->source.keyFrames().want(ssrc, now);
  }
}

bool Recipient::endHandovers(Timestamp now) {
  bool changed = false;
  for (VideoSlot& slot : video_) changed = slot.subscription->onTime(now) || changed;
  return changed;
}

control::LayersChanged::Layer Recipient::describe(const VideoSlot& slot, Timestamp now) const {
  control::LayersChanged::Layer layer;
  layer.mid = slot.config.mid;
  const PublishedTrack* playing = slot.playing();
  const bool silent = playing == nullptr || playing->muted || playing->source.stopped(now);
  const forward::LayerIndex current = slot.subscription->playingLayer();
  if (!silent && current != noLayer) {
    const forward::Source::Layer& sent = playing->source.layer(current);
    layer.width = sent.width;
    layer.height = sent.height;
    layer.bitsPerSecond =
        static_cast<uint32_t>(playing->source.rate(current, slot.subscription->playingTemporal(), now).bps());
  }
  if (slot.bound == nullptr) return layer;
  const forward::Source& source = slot.bound->source;
  const forward::LayerIndex target = slot.subscription->selector().target().layer;
  const bool absent = slot.bound->muted || source.stopped(now) || target == noLayer;
  if (slot.grant.limitedByBudget) {
    layer.reason = "rate-cap";
  } else if (absent) {  // NOLINT(bugprone-branch-clone): the order of the questions matters
    layer.reason = "publisher";
  } else if (slot.subscription->awaitedStream() != 0) {
    layer.reason = "key-frame";
  } else if (const auto best = source.bestKnown(slot.wish.maxHeight);
             best != noLayer && source.isBelow(target, best)) {
    layer.reason = "publisher";
  }
  return layer;
}

void Recipient::takeLayerChanges(std::vector<control::LayersChanged::Layer>& out, Timestamp now) {
  for (VideoSlot& slot : video_) {
    const control::LayersChanged::Layer layer = describe(slot, now);
    const control::LayersChanged::Layer& told = slot.toldLayer;
    const bool changed =
        layer.width != told.width || layer.height != told.height || layer.reason != told.reason;
    const double moved =
        std::abs(static_cast<double>(layer.bitsPerSecond) - static_cast<double>(told.bitsPerSecond));
    const bool rateMoved =
        moved > rateChangeTold * told.bitsPerSecond && now - slot.toldLayerAt >= rateTellInterval;
    if (!changed && !rateMoved) continue;
    slot.toldLayer = layer;
    slot.toldLayerAt = now;
    out.push_back(layer);
  }
}

}  // namespace sotto::room
