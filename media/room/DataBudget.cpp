#include "media/room/DataBudget.hpp"

#include <algorithm>
#include <cmath>

namespace sotto::room {

using base::TimeDelta;
using base::Timestamp;

void DataBudget::fill(Timestamp now) {
  if (now <= filled_) return;
  const double seconds = (now - filled_).secondsAsDouble();
  filled_ = now;
  messages_ = std::min(messageBurst, messages_ + seconds * messagesPerSecond);
  bytes_ = std::min(byteBurst, bytes_ + seconds * bytesPerSecond);
}

void DataBudget::spend(size_t bytes, Timestamp now) {
  fill(now);
  messages_ -= 1;
  bytes_ -= static_cast<double>(bytes);
}

Timestamp DataBudget::readyAt(Timestamp now) const {
  const double seconds = std::max({0.0, -messages_ / messagesPerSecond, -bytes_ / bytesPerSecond});
  if (seconds == 0) return now;
  return std::max(now, filled_ + TimeDelta::micros(static_cast<int64_t>(std::ceil(seconds * 1e6))));
}

}  // namespace sotto::room
