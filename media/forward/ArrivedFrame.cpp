#include "media/forward/ArrivedFrame.hpp"

namespace sotto::forward {

bool Moment::isBefore(const Moment& other) const {
  const base::TimeDelta byArrival = began - other.began;
  base::TimeDelta apart = byArrival;
  if (captured && other.captured) {
    const base::TimeDelta byClock = *captured - *other.captured;
    const base::TimeDelta disagreement = byClock - byArrival;
    if (disagreement < maxClockDisagreement && -disagreement < maxClockDisagreement) apart = byClock;
  }
  return apart < -samePicture;
}

}  // namespace sotto::forward
