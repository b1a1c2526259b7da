// Bounds a rate: tokens flow in at a steady pace up to a burst, each message takes one (or what it weighs).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "media/base/Units.hpp"

namespace sotto::signaling {

class TokenBucket {
 public:
  /// Begins full. `perSecond` and `burst` must be positive.
  TokenBucket(double perSecond, double burst, base::Timestamp now)
      : perSecond_(perSecond), burst_(burst), tokens_(burst), filledAt_(now) {}

  /// Takes `amount` tokens; false when there are fewer.
  bool take(base::Timestamp now, double amount = 1) {
    if (now > filledAt_) {
      tokens_ = std::min(burst_, tokens_ + (now - filledAt_).secondsAsDouble() * perSecond_);
      filledAt_ = now;
    }
    if (tokens_ < amount) return false;
    tokens_ -= amount;
    return true;
  }

  /// Whole seconds after the last take() until `amount` is there, at least 1.
  uint32_t secondsUntil(double amount = 1) const {
    const double missing = std::max(0.0, std::min(amount, burst_) - tokens_);
    return std::max(1u, static_cast<uint32_t>(std::ceil(missing / perSecond_)));
  }

  /// Whether it would be full by `now`: as good as one that is made then.
  bool isFull(base::Timestamp now) const {
    return now >= filledAt_ && tokens_ + (now - filledAt_).secondsAsDouble() * perSecond_ >= burst_;
  }

 private:
  double perSecond_, burst_, tokens_;
  base::Timestamp filledAt_;
};

}  // namespace sotto::signaling
