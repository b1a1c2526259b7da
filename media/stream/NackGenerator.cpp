#include "media/stream/NackGenerator.hpp"

#include <algorithm>

namespace sotto::stream {

NackGenerator::NackGenerator() {
  missing_.reserve(maxMissing);
  batch_.reserve(maxMissing);
}

void NackGenerator::onPacket(int64_t sequence, base::Timestamp now) {
  if (!highest_) {
    highest_ = sequence;
    return;
  }
  if (sequence <= *highest_) {
    const auto at = std::lower_bound(missing_.begin(), missing_.end(), sequence,
                                     [](const Missing& m, int64_t wanted) { return m.sequence < wanted; });
    if (at != missing_.end() && at->sequence == sequence) missing_.erase(at);
    return;
  }
  // After a long outage the newest of what is missing is worth asking for, the rest is not.
  const int64_t first = std::max(*highest_ + 1, sequence - static_cast<int64_t>(maxMissing));
  const size_t added = static_cast<size_t>(sequence - first);
  if (missing_.size() + added > maxMissing) {
    const size_t drop = std::min(missing_.size(), missing_.size() + added - maxMissing);
    missing_.erase(missing_.begin(), missing_.begin() + static_cast<ptrdiff_t>(drop));
  }
  for (int64_t lost = first; lost < sequence; ++lost) {
    missing_.push_back({lost, now, base::Timestamp::minusInfinity(), 0});
  }
  highest_ = sequence;
}

void NackGenerator::giveUpBefore(int64_t sequence) {
  const auto end = std::find_if(missing_.begin(), missing_.end(),
                                [&](const Missing& missing) { return missing.sequence >= sequence; });
  missing_.erase(missing_.begin(), end);
}

base::Timestamp NackGenerator::due(const Missing& missing) const {
  if (missing.tries == 0) {
    const bool reordered = *highest_ - missing.sequence < reorderPackets;
    return reordered ? missing.since + reorderTime : missing.since;
  }
  // A retransmission needs a round trip; below 20 ms timers and pacing at the other end dominate.
  return missing.lastAsked + std::max(rtt_ + rtt_ / 4, base::TimeDelta::millis(20));
}

std::span<const uint16_t> NackGenerator::collect(base::Timestamp now) {
  batch_.clear();
  std::erase_if(missing_, [&](const Missing& missing) {
    return now - missing.since > maxAge || (missing.tries >= maxTries && due(missing) <= now);
  });
  for (Missing& missing : missing_) {
    if (missing.tries >= maxTries || due(missing) > now) continue;
    ++missing.tries;
    missing.lastAsked = now;
    batch_.push_back(static_cast<uint16_t>(missing.sequence));
  }
  requested_ += batch_.size();
  return batch_;
}

base::Timestamp NackGenerator::nextDeadline() const {
  base::Timestamp earliest = base::Timestamp::plusInfinity();
  for (const Missing& missing : missing_) earliest = std::min(earliest, due(missing));
  return earliest;
}

}  // namespace sotto::stream
