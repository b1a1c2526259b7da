// One direction of a simulated network path: loss (independent or in bursts), delay, jitter, reordering,
// duplication, a bottleneck with a drop-tail queue. Decides from a seed what happens to each datagram.
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Random.hpp"
#include "media/base/Units.hpp"

namespace sotto::sim {

/// Bursty loss (Gilbert-Elliott): a good state that loses nothing and a bad one that loses much; the state
/// may change with each datagram.
struct BurstLoss {
  double goodToBad = 0;  ///< probability for each datagram, 0..1
  double badToGood = 1;  ///< probability for each datagram, 0..1
  double lossWhenBad = 1;
};

struct LinkSettings {
  double loss = 0;  ///< independent loss, 0..1
  std::optional<BurstLoss> bursts;
  base::TimeDelta delay;   ///< one way
  base::TimeDelta jitter;  ///< added, uniform in 0..jitter, without changing the order
  double reordering = 0;   ///< probability that a datagram is held back by `reorderingDelay`
  base::TimeDelta reorderingDelay = base::TimeDelta::millis(15);
  double duplication = 0;                                      ///< probability of a second copy, 2 ms later
  base::DataRate bandwidth;                                    ///< zero: unbounded
  base::TimeDelta queueLength = base::TimeDelta::millis(300);  ///< at the bottleneck; fuller: dropped
};

class Link {
 public:
  explicit Link(uint64_t seed) : random_(seed) {}

  LinkSettings settings;

  /// When a datagram sent now arrives: nothing (lost), once, or twice.
  struct Fate {
    std::optional<base::Timestamp> first, second;
  };
  Fate send(size_t bytes, base::Timestamp now);

  uint64_t sent() const { return sent_; }
  uint64_t lost() const { return lost_; }
  uint64_t bytes() const { return bytes_; }

 private:
  double uniform() { return static_cast<double>(random_.u32()) / 4294967296.0; }
  bool isLost();

  base::SeededRandom random_;
  bool bad_ = false;
  base::Timestamp busyUntil_ = base::Timestamp::minusInfinity();
  base::Timestamp lastArrival_ = base::Timestamp::minusInfinity();
  uint64_t sent_ = 0, lost_ = 0, bytes_ = 0;
};

}  // namespace sotto::sim
