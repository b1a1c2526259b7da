// Bounds a rate: tokens flow in at a steady pace up to a burst, each message takes one.
#pragma once

#include <algorithm>

#include "media/base/Units.hpp"

namespace sotto::signaling {

class TokenBucket {
 public:
  /// Begins full. `perSecond` and `burst` must be positive.
  TokenBucket(double perSecond, double burst, base::Timestamp now)
      : perSecond_(perSecond), burst_(burst), tokens_(burst), filledAt_(now) {}

  /// Takes one token; false when there is none.
  bool take(base::Timestamp now) {
    if (now > filledAt_) {
      tokens_ = std::min(burst_, tokens_ + (now - filledAt_).secondsAsDouble() * perSecond_);
      filledAt_ = now;
    }
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double perSecond_, burst_, tokens_;
  base::Timestamp filledAt_;
};

}  // namespace sotto::signaling
