// A flat hash table from SSRC to a small state: a handful of entries looked up for every packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sotto::srtp {

/// Open addressing with linear probing, at most half full. Entries are never removed. Pointers to states are
/// valid until the next insert.
template <typename State>
class SsrcTable {
 public:
  State* find(uint32_t ssrc) {
    Slot& slot = place(ssrc);
    return slot.used ? &slot.state : nullptr;
  }
  /// The state of `ssrc`, made with State() when it was not there.
  State& insert(uint32_t ssrc) {
    if (Slot& slot = place(ssrc); slot.used) return slot.state;
    if ((count_ + 1) * 2 > slots_.size()) grow();
    Slot& slot = place(ssrc);
    slot.used = true;
    slot.ssrc = ssrc;
    ++count_;
    return slot.state;
  }
  size_t size() const { return count_; }

 private:
  struct Slot {
    uint32_t ssrc = 0;
    bool used = false;
    State state{};
  };
  /// Where `ssrc` is, or where it would go.
  Slot& place(uint32_t ssrc) {
    const size_t mask = slots_.size() - 1;
    // The high half of a product with a large odd number: nearby SSRCs land far apart.
    size_t position = static_cast<size_t>(ssrc * uint64_t{0x9e3779b97f4a7c15u} >> 40) & mask;
    while (slots_[position].used && slots_[position].ssrc != ssrc) position = (position + 1) & mask;
    return slots_[position];
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (Slot& slot : old) {
      if (slot.used) place(slot.ssrc) = std::move(slot);
    }
  }
  std::vector<Slot> slots_{16};
  size_t count_ = 0;
};

}  // namespace sotto::srtp
