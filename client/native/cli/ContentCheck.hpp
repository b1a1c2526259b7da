// Verifies synthetic frames at their receiver and measures how old they are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "client/native/call/CallTypes.hpp"

namespace sotto::client::cli {

/// A histogram in steps of 0.1 ms up to five seconds: percentiles over calls of any length in constant
/// memory.
class LatencyHistogram {
 public:
  LatencyHistogram();
  /// Negative values count as a clock that is not shared.
  void add(int64_t micros);
  uint64_t count() const { return count_; }
  bool clocksShared() const { return count_ > 0 && negative_ == 0; }
  /// Milliseconds below which `share` (0..1) of the samples lie.
  double percentileMs(double share) const;
  double maxMs() const { return static_cast<double>(max_) / 1e3; }

 private:
  std::vector<uint32_t> bins_;
  uint64_t count_ = 0;
  uint64_t negative_ = 0;
  int64_t max_ = 0;
};

/// Of one remote stream.
class ContentCheck {
 public:
  /// `wallClockUs`: microseconds since the Unix epoch, when the frame came.
  void onFrame(const call::RemoteFrame& frame, int64_t wallClockUs);

  uint64_t verified() const { return verified_; }
  /// Frames that call themselves synthetic but are not what was sent.
  uint64_t damaged() const { return damaged_; }
  const LatencyHistogram& latency() const { return latency_; }

 private:
  uint64_t verified_ = 0;
  uint64_t damaged_ = 0;
  LatencyHistogram latency_;
};

}  // namespace sotto::client::cli
