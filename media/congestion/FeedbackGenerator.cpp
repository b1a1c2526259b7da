#include "media/congestion/FeedbackGenerator.hpp"

#include <algorithm>

namespace sotto::congestion {

using base::DataRate;
using base::DataSize;
using base::TimeDelta;
using base::Timestamp;

void FeedbackGenerator::onPacket(uint16_t sequence, uint32_t ssrc, size_t size, Timestamp arrival,
                                 Timestamp now) {
  if (first_ == Timestamp::minusInfinity()) first_ = now;
  if (waiting_++ == 0) oldestWaiting_ = now;
  mediaSsrc_ = ssrc;
  incoming_.add(DataSize::bytes(static_cast<int64_t>(size)), now);
  builder_.onPacket(unwrapper_.unwrap(sequence), arrival);
}

Timestamp FeedbackGenerator::nextDeadline() const {
  if (waiting_ == 0) return Timestamp::plusInfinity();
  if (waiting_ >= packetsAtOnce) return oldestWaiting_;
  // After a silence the first packets wait a little for company, so that the report says something.
  return std::max(lastSent_ + interval_, oldestWaiting_ + minInterval / 2);
}

size_t FeedbackGenerator::write(uint32_t senderSsrc, Timestamp now, base::MutableByteView out) {
  if (!writing_ && now < nextDeadline()) return 0;
  const size_t size = builder_.write(senderSsrc, mediaSsrc_, out);
  writing_ = size != 0;
  if (size == 0) {
    waiting_ = 0;
    oldestWaiting_ = Timestamp::plusInfinity();
    return 0;
  }
  lastSent_ = now;
  interval_ = minInterval;
  const DataRate affordable = incoming_.rate(now) * overheadShare;
  if (now - first_ > fastStart && affordable > DataRate::zero()) {
    interval_ =
        std::clamp(DataSize::bytes(static_cast<int64_t>(size)) / affordable, minInterval, maxInterval);
  } else if (now - first_ > fastStart) {
    interval_ = maxInterval;
  }
  return size;
}

}  // namespace sotto::congestion
