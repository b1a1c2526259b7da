// Bounds the rate of many parties, each by its name, in bounded memory: whoever has been quiet long enough to
// be at its full burst again is forgotten.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "media/base/Units.hpp"
#include "signaling/TokenBucket.hpp"

namespace sotto::signaling {

struct Rate {
  double perSecond = 1;
  double burst = 1;
};

class RateLimiter {
 public:
  explicit RateLimiter(Rate rate) : rate_(rate) {}

  /// Takes `amount` from the party's bucket; false when it holds less. More than the burst is never to be
  /// had.
  bool take(const std::string& party, base::Timestamp now, double amount = 1) {
    if (buckets_.size() >= sweepAt_) sweep(now);
    return buckets_.try_emplace(party, rate_.perSecond, rate_.burst, now).first->second.take(now, amount);
  }
  /// Whole seconds until `amount` can be taken, at least 1.
  uint32_t secondsUntil(const std::string& party, double amount = 1) const {
    const auto found = buckets_.find(party);
    return found == buckets_.end() ? 1 : found->second.secondsUntil(amount);
  }
  size_t parties() const { return buckets_.size(); }

 private:
  void sweep(base::Timestamp now) {
    std::erase_if(buckets_, [now](const auto& entry) { return entry.second.isFull(now); });
    sweepAt_ = std::max(sweepEvery, buckets_.size() * 2);
  }

  static constexpr size_t sweepEvery = 4096;
  Rate rate_;
  std::unordered_map<std::string, TokenBucket> buckets_;
  size_t sweepAt_ = sweepEvery;
};

}  // namespace sotto::signaling
