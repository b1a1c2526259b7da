// Which counters of one key have been seen: the last 1,024 below the highest, older ones count as seen.
#pragma once

#include <array>
#include <cstdint>

namespace sotto::client::e2ee {

class ReplayWindow {
 public:
  static constexpr uint64_t size = 1'024;

  /// True when `counter` was accepted before or is too old to tell.
  bool seen(uint64_t counter) const;
  /// Call only after the frame's MAC has verified.
  void accept(uint64_t counter);

 private:
  bool any_ = false;
  uint64_t highest_ = 0;
  std::array<uint64_t, size / 64> bits_{};  ///< ring of bits: counter modulo size
};

}  // namespace sotto::client::e2ee
