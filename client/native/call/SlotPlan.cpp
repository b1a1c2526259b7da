#include "client/native/call/SlotPlan.hpp"

#include <algorithm>

namespace sotto::client::call {

namespace {

using control::SlotWish;

bool publishes(const Participant& participant, TrackSource source) {
  return std::any_of(participant.tracks.begin(), participant.tracks.end(),
                     [&](const Participant::Track& track) { return track.source == source; });
}

bool sameSubject(const SlotWish& a, const SlotWish& b) {
  return a.mode == b.mode && a.participant == b.participant && a.source == b.source;
}

bool contains(const std::vector<SlotWish>& wishes, const SlotWish& subject) {
  return std::any_of(wishes.begin(), wishes.end(),
                     [&](const SlotWish& wish) { return sameSubject(wish, subject); });
}

SlotWish wishFor(const Participant& participant, TrackSource source, uint32_t maxHeight, uint32_t priority) {
  SlotWish wish;
  wish.mode = SlotWish::Mode::Participant;
  wish.participant = participant.id;
  wish.source = source;
  wish.maxHeight = maxHeight;
  wish.priority = priority;
  return wish;
}

/// Everything wanted, most important first, without slots yet.
std::vector<SlotWish> collect(std::span<const Want> wants, bool everyone, uint32_t everyoneHeight,
                              std::span<const Participant> roster) {
  std::vector<SlotWish> wishes;
  for (const Want& want : wants) {
    if (want.participant.empty()) {
      SlotWish wish;
      wish.mode = SlotWish::Mode::Auto;
      wish.maxHeight = want.maxHeight;
      wish.priority = want.priority;
      wishes.push_back(wish);
      continue;
    }
    for (const Participant& participant : roster) {
      if (participant.id != want.participant && participant.name != want.participant) continue;
      if (!publishes(participant, want.source)) continue;
      const SlotWish wish = wishFor(participant, want.source, want.maxHeight, want.priority);
      if (contains(wishes, wish)) continue;
      wishes.push_back(wish);
      break;
    }
  }
  if (!everyone) return wishes;
  for (TrackSource source : {TrackSource::Screen, TrackSource::Camera}) {
    for (const Participant& participant : roster) {
      const SlotWish wish = wishFor(participant, source, everyoneHeight, 0);
      if (publishes(participant, source) && !contains(wishes, wish)) wishes.push_back(wish);
    }
  }
  return wishes;
}

}  // namespace

std::vector<SlotWish> planSlots(std::span<const std::string> mids, std::span<const Want> wants, bool everyone,
                                uint32_t everyoneHeight, std::span<const Participant> roster,
                                std::span<const SlotWish> before) {
  std::vector<SlotWish> wishes = collect(wants, everyone, everyoneHeight, roster);
  if (wishes.size() > mids.size()) wishes.resize(mids.size());
  std::vector<SlotWish> plan(mids.size());
  for (size_t i = 0; i < mids.size(); ++i) plan[i].mid = mids[i];
  const auto place = [](SlotWish& slot, SlotWish& wish) {
    wish.mid = slot.mid;
    slot = wish;
  };
  // Those that have a slot keep it; autos are all alike, so each old auto slot takes the next one.
  for (SlotWish& slot : plan) {
    const auto old = std::find_if(before.begin(), before.end(),
                                  [&](const SlotWish& wish) { return wish.mid == slot.mid; });
    if (old == before.end() || old->mode == SlotWish::Mode::None) continue;
    const auto wish = std::find_if(wishes.begin(), wishes.end(), [&](const SlotWish& candidate) {
      return candidate.mid.empty() && sameSubject(candidate, *old);
    });
    if (wish != wishes.end()) place(slot, *wish);
  }
  for (SlotWish& wish : wishes) {
    if (!wish.mid.empty()) continue;
    const auto slot = std::find_if(plan.begin(), plan.end(), [](const SlotWish& candidate) {
      return candidate.mode == SlotWish::Mode::None;
    });
    if (slot != plan.end()) place(*slot, wish);
  }
  return plan;
}

}  // namespace sotto::client::call
