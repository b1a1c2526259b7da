#include "media/congestion/RateMeter.hpp"

#include <algorithm>

namespace sotto::congestion {

using base::DataRate;
using base::DataSize;
using base::TimeDelta;
using base::Timestamp;

RateMeter::RateMeter(TimeDelta window) : bucket_(window / bucketCount) {}

void RateMeter::add(DataSize size, Timestamp now) {
  int64_t bucket = bucketOf(now);
  if (first_ == Timestamp::minusInfinity()) {
    first_ = now;
    newest_ = bucket;
  }
  bucket = std::max(bucket, newest_);
  // Buckets between the newest and this one saw nothing; those older than the window are gone.
  for (int64_t b = std::max(newest_ + 1, bucket - bucketCount + 1); b <= bucket; ++b) {
    bytes_[static_cast<size_t>(b % bucketCount)] = 0;
  }
  newest_ = bucket;
  bytes_[static_cast<size_t>(bucket % bucketCount)] += size.bytes();
}

DataRate RateMeter::rate(Timestamp now) const {
  if (first_ == Timestamp::minusInfinity()) return DataRate::zero();
  const int64_t current = std::max(bucketOf(now), newest_);
  int64_t total = 0;
  for (int64_t b = std::max<int64_t>(0, current - bucketCount + 1); b <= newest_; ++b) {
    total += bytes_[static_cast<size_t>(b % bucketCount)];
  }
  const TimeDelta window = bucket_ * bucketCount;
  const TimeDelta span = std::clamp(now - first_, window / 10, window);
  return DataSize::bytes(total) / span;
}

bool RateMeter::empty(Timestamp now) const {
  return rate(now) == DataRate::zero();
}

void RateMeter::reset() {
  bytes_.fill(0);
  first_ = Timestamp::minusInfinity();
}

}  // namespace sotto::congestion
