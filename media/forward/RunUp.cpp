#include "media/forward/RunUp.hpp"

namespace sotto::forward {

using base::Timestamp;

void RunUp::add(const ArrivedFrame& arrived, Timestamp now) {
  if (arrived.startsStream) {
    if (frames_.capacity() < maxFrames) frames_.reserve(maxFrames);
    frames_.clear();
    frames_.push_back(arrived);
    since_ = now;
  } else if (!frames_.empty()) {
    const bool broken = arrived.epoch != frames_.front().epoch;
    if (broken || frames_.size() == maxFrames) {
      frames_.clear();
    } else {
      frames_.push_back(arrived);
    }
  }
  expire(now);
}

void RunUp::expire(Timestamp now) {
  if (!frames_.empty() && age(now) > maxAge) frames_.clear();
}

}  // namespace sotto::forward
