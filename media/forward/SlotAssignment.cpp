#include "media/forward/SlotAssignment.hpp"

#include <algorithm>

namespace sotto::forward {

namespace {
bool contains(std::span<const SourceId> list, SourceId source) {
  return std::find(list.begin(), list.end(), source) != list.end();
}
}  // namespace

bool AudioSlots::isBound(SourceId source) const {
  return contains(bound_, source);
}

SourceId* AudioSlots::freeSlot(size_t limit) {
  const auto used = bound_.size() - static_cast<size_t>(std::count(bound_.begin(), bound_.end(), noSource));
  const auto slot = std::find(bound_.begin(), bound_.end(), noSource);
  return used >= limit || slot == bound_.end() ? nullptr : &*slot;
}

bool AudioSlots::assign(std::span<const SourceId> wanted, std::span<const SourceId> urgent, size_t limit) {
  bool changed = false;
  for (SourceId& slot : bound_) {
    if (slot == noSource || contains(wanted, slot)) continue;
    slot = noSource;
    changed = true;
  }
  for (const SourceId source : urgent) {
    if (!contains(wanted, source) || isBound(source)) continue;
    SourceId* slot = freeSlot(limit);
    if (slot == nullptr) {
      const auto quiet = std::find_if(bound_.begin(), bound_.end(), [&](SourceId bound) {
        return bound != noSource && !contains(urgent, bound);
      });
      if (quiet == bound_.end()) break;
      slot = &*quiet;
    }
    *slot = source;
    changed = true;
  }
  for (const SourceId source : wanted) {
    if (isBound(source)) continue;
    SourceId* slot = freeSlot(limit);
    if (slot == nullptr) break;
    *slot = source;
    changed = true;
  }
  return changed;
}

bool VideoSlots::isNamed(SourceId source) const {
  return std::any_of(wishes_.begin(), wishes_.end(),
                     [&](const Wish& wish) { return wish.mode == Mode::Named && wish.named == source; });
}

bool VideoSlots::assign(std::span<const SourceId> candidates) {
  const auto autoSlots = static_cast<size_t>(std::count_if(
      wishes_.begin(), wishes_.end(), [](const Wish& wish) { return wish.mode == Mode::Auto; }));
  chosen_.clear();
  for (const SourceId candidate : candidates) {
    if (chosen_.size() == autoSlots) break;
    if (!isNamed(candidate)) chosen_.push_back(candidate);
  }

  bool changed = false;
  auto bind = [&](size_t slot, SourceId source) {
    if (bound_[slot] == source) return;
    bound_[slot] = source;
    changed = true;
  };
  for (size_t slot = 0; slot < bound_.size(); ++slot) {
    const Wish& wish = wishes_[slot];
    if (wish.mode == Mode::Named) {
      bind(slot, wish.named);
      continue;
    }
    const auto stays = std::find(chosen_.begin(), chosen_.end(), bound_[slot]);
    if (wish.mode == Mode::Auto && stays != chosen_.end()) {
      chosen_.erase(stays);
    } else {
      bind(slot, noSource);
    }
  }
  auto next = chosen_.begin();
  for (size_t slot = 0; slot < bound_.size() && next != chosen_.end(); ++slot) {
    if (wishes_[slot].mode == Mode::Auto && bound_[slot] == noSource) bind(slot, *next++);
  }
  return changed;
}

}  // namespace sotto::forward
