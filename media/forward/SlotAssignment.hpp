// Which source plays in which slot of one recipient. A source keeps its slot as long as it is wanted at all,
// so that nobody's picture or voice jumps.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "media/forward/Ids.hpp"

namespace sotto::forward {

/// Audio: the chosen speakers but oneself, as many as there are slots.
class AudioSlots {
 public:
  explicit AudioSlots(size_t slots) : bound_(slots, noSource) {}
  /// The slots have changed: `bound` is what plays in those there are now.
  void reset(std::vector<SourceId> bound) { bound_ = std::move(bound); }

  /// `wanted`: without oneself. Sources that are no longer wanted leave; newcomers take free slots, of which
  /// at most `limit` are used. With more wanted than that, a bound source stays while it is wanted at all,
  /// unless an `urgent` one (somebody speaks) has to get in. True when a binding changed.
  bool assign(std::span<const SourceId> wanted, std::span<const SourceId> urgent, size_t limit);
  std::span<const SourceId> bound() const { return bound_; }

 private:
  bool isBound(SourceId source) const;
  SourceId* freeSlot(size_t limit);
  std::vector<SourceId> bound_;
};

/// Video: what the client asked for in each slot.
class VideoSlots {
 public:
  enum class Mode : uint8_t { None, Auto, Named };
  struct Wish {
    Mode mode = Mode::None;
    SourceId named = noSource;  ///< Mode::Named; noSource while that participant publishes no such track
  };

  /// The slots have changed: `bound` is what plays in those there are now. Wishes are to be set anew.
  void reset(std::vector<SourceId> bound) {
    wishes_.assign(bound.size(), Wish{});
    bound_ = std::move(bound);
  }
  Wish& wish(size_t slot) { return wishes_[slot]; }
  const Wish& wish(size_t slot) const { return wishes_[slot]; }
  size_t size() const { return bound_.size(); }

  /// `candidates`: for the auto slots, best first, without oneself. True when a binding changed.
  bool assign(std::span<const SourceId> candidates);
  std::span<const SourceId> bound() const { return bound_; }

 private:
  bool isNamed(SourceId source) const;
  std::vector<Wish> wishes_;
  std::vector<SourceId> bound_;
  std::vector<SourceId> chosen_;
};

}  // namespace sotto::forward
