// How often something may happen: a bucket of tokens that fills with time, and a strict count over a period.
#pragma once

#include <algorithm>
#include <deque>

#include "media/base/Units.hpp"

namespace sotto::client::e2ee {

class RateLimit {
 public:
  /// `burst` at once, then one each `interval`.
  RateLimit(unsigned burst, base::TimeDelta interval) : burst_(burst), interval_(interval) {}

  /// Takes a token; false when there is none.
  bool take(base::Timestamp now) {
    // The time at which the bucket would be empty had it been full once: moves on by an interval for each
    // token.
    const base::Timestamp full = now - interval_ * burst_;
    spentUntil_ = std::max(spentUntil_, full);
    if (spentUntil_ + interval_ > now) return false;
    spentUntil_ = spentUntil_ + interval_;
    return true;
  }

 private:
  unsigned burst_;
  base::TimeDelta interval_;
  base::Timestamp spentUntil_ = base::Timestamp::minusInfinity();
};

/// At most `count` within any `period`.
class PeriodLimit {
 public:
  PeriodLimit(size_t count, base::TimeDelta period) : count_(count), period_(period) {}

  /// Counts one more; false when that would be too many.
  bool take(base::Timestamp now) {
    while (!taken_.empty() && now - taken_.front() >= period_) taken_.pop_front();
    if (taken_.size() >= count_) return false;
    taken_.push_back(now);
    return true;
  }

 private:
  size_t count_;
  base::TimeDelta period_;
  std::deque<base::Timestamp> taken_;
};

}  // namespace sotto::client::e2ee
