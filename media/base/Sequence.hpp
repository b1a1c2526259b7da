// Truncated wire counters (RTP sequence numbers, timestamps, picture ids) and their full 64-bit forms.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

namespace sotto::base {

/// Extends a wrapping counter of `Bits` bits to 64 bits: each value is taken as the one nearest to the
/// last seen. Starts in the second cycle so that values just before the first one stay non-negative.
template <typename Wire, unsigned Bits = sizeof(Wire) * 8>
class Unwrapper {
  static_assert(std::is_unsigned_v<Wire> && Bits <= sizeof(Wire) * 8 && Bits < 63);
  static constexpr int64_t cycle = int64_t{1} << Bits;

 public:
  /// The full value of `wire`; moves the reference point forward only.
  int64_t unwrap(Wire wire) {
    const int64_t full = peek(wire);
    if (!last_ || full > *last_) last_ = full;
    return full;
  }
  /// The full value of `wire` without moving the reference point.
  int64_t peek(Wire wire) const {
    const int64_t value = static_cast<int64_t>(wire) & (cycle - 1);
    if (!last_) return value + cycle;
    int64_t difference = (value - *last_) & (cycle - 1);
    if (difference >= cycle / 2) difference -= cycle;
    return *last_ + difference;
  }
  std::optional<int64_t> last() const { return last_; }
  void reset() { last_.reset(); }

 private:
  std::optional<int64_t> last_;
};

using SequenceUnwrapper = Unwrapper<uint16_t>;
using TimestampUnwrapper = Unwrapper<uint32_t>;

}  // namespace sotto::base
