// The time as it is handed to signaling, which reads no clock: monotonic for deadlines, wall time for tokens.
#pragma once

#include <cstdint>

#include "media/base/Units.hpp"

namespace sotto::signaling {

struct Now {
  base::Timestamp monotonic;
  int64_t unixMs = 0;  ///< milliseconds since 1970-01-01 UTC
};

}  // namespace sotto::signaling
