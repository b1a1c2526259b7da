#include "media/forward/TimestampMapper.hpp"

#include <algorithm>

namespace sotto::forward {

using base::TimeDelta;

int64_t TimestampMapper::stepOnSwitch(const Input& input, bool sameClock) const {
  const TimeDelta byArrival = input.arrival - lastArrival_;
  TimeDelta elapsed = byArrival;
  if (sameClock && input.captured && lastCaptured_) {
    const TimeDelta byClock = *input.captured - *lastCaptured_;
    const TimeDelta apart = byClock - byArrival;
    if (apart < maxClockDisagreement && -apart < maxClockDisagreement) elapsed = byClock;
  }
  return ticks(elapsed);
}

uint32_t TimestampMapper::map(const Input& input, bool sameClock) {
  if (!started_) {
    started_ = true;
  } else if (!input.samePicture) {
    int64_t step = static_cast<int32_t>(input.timestamp - lastInput_);
    const int64_t most = ticks(input.arrival - lastArrival_) + ticks(maxJump);
    if (input.switched || step <= 0 || step > most) step = stepOnSwitch(input, sameClock);
    if (input.switched && !sameClock) ahead_ = 0;
    // The key frame of a switch may show the moment of the frame sent last, or one before: a millisecond
    // keeps the order, and what that was too much is taken from the steps that follow.
    const int64_t least = ticks(TimeDelta::millis(1));
    const int64_t wanted = step - ahead_;
    // While that lasts the frame before is one to pass over, and not worth a few milliseconds more for what
    // the times of arrival varied.
    const bool passing = ahead_ > 0 && wanted < ticks(samePicture);
    step = passing ? least : std::max(wanted, least);
    ahead_ = step - wanted;
    last_ += static_cast<uint32_t>(step);
  }
  lastInput_ = input.timestamp;
  lastCaptured_ = input.captured;
  lastArrival_ = input.arrival;
  return last_;
}

}  // namespace sotto::forward
