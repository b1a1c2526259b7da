// Measures a data rate over a sliding window. Fixed memory: the window is cut into buckets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "media/base/Units.hpp"

namespace sotto::congestion {

class RateMeter {
 public:
  /// `window` is at least 20 ms; a second is long enough to smooth a frame rate of 5, short enough to follow
  /// a layer that stops.
  explicit RateMeter(base::TimeDelta window);
  /// A window of a second.
  RateMeter() : RateMeter(base::TimeDelta::seconds(1)) {}

  /// Time must not go back; an earlier `now` is taken as the latest seen.
  void add(base::DataSize size, base::Timestamp now);
  /// Over the window that ends at `now`; in the first window, over the time since the first add (at least a
  /// tenth of the window, so that a first burst is not taken for a rate).
  base::DataRate rate(base::Timestamp now) const;
  /// Nothing added within the window.
  bool empty(base::Timestamp now) const;
  void reset();

 private:
  static constexpr int64_t bucketCount = 20;
  int64_t bucketOf(base::Timestamp time) const { return time.us() / bucket_.us(); }

  base::TimeDelta bucket_;
  std::array<int64_t, bucketCount> bytes_{};
  int64_t newest_ = 0;  ///< absolute number of the newest bucket
  base::Timestamp first_ = base::Timestamp::minusInfinity();
};

}  // namespace sotto::congestion
