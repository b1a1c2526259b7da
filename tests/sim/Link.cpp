#include "tests/sim/Link.hpp"

#include <algorithm>

namespace sotto::sim {

bool Link::isLost() {
  if (settings.bursts) {
    if (uniform() < (bad_ ? settings.bursts->badToGood : settings.bursts->goodToBad)) bad_ = !bad_;
    if (bad_ && uniform() < settings.bursts->lossWhenBad) return true;
  }
  return settings.loss > 0 && uniform() < settings.loss;
}

Link::Fate Link::send(size_t bytes, base::Timestamp now) {
  ++sent_;
  bytes_ += bytes;
  base::Timestamp leaves = now;
  if (settings.bandwidth > base::DataRate::zero()) {
    const base::Timestamp begins = std::max(now, busyUntil_);
    if (begins - now > settings.queueLength) {
      ++lost_;
      return {};
    }
    // 28 bytes: IPv4 and UDP headers.
    leaves = begins + base::DataSize::bytes(static_cast<int64_t>(bytes) + 28) / settings.bandwidth;
    busyUntil_ = leaves;
  }
  if (isLost()) {
    ++lost_;
    return {};
  }
  base::Timestamp arrives = leaves + settings.delay;
  if (settings.jitter > base::TimeDelta::zero()) {
    arrives = arrives + base::TimeDelta::micros(
                            static_cast<int64_t>(uniform() * static_cast<double>(settings.jitter.us())));
  }
  arrives = std::max(arrives, lastArrival_);
  Fate fate;
  if (settings.reordering > 0 && uniform() < settings.reordering) {
    fate.first = arrives + settings.reorderingDelay;
  } else {
    lastArrival_ = arrives;
    fate.first = arrives;
  }
  if (settings.duplication > 0 && uniform() < settings.duplication) {
    fate.second = *fate.first + base::TimeDelta::millis(2);
  }
  return fate;
}

}  // namespace sotto::sim
