// Decides which lost packets to ask for again, and when (RFC 4585 section 6.2.1).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "media/base/Units.hpp"

namespace sotto::stream {

class NackGenerator {
 public:
  /// A packet missing for less than this, with fewer than `reorderPackets` after it, may just be reordered.
  static constexpr base::TimeDelta reorderTime = base::TimeDelta::millis(10);
  static constexpr int64_t reorderPackets = 3;
  static constexpr uint8_t maxTries = 10;
  /// After this no player waits any longer.
  static constexpr base::TimeDelta maxAge = base::TimeDelta::millis(500);
  /// Lost packets remembered at most; beyond it the oldest are given up (a key frame will be cheaper).
  static constexpr size_t maxMissing = 256;

  NackGenerator();

  /// A packet came, for the first time or by retransmission.
  void onPacket(int64_t sequence, base::Timestamp now);
  /// Packets below this are of no more use.
  void giveUpBefore(int64_t sequence);
  void setRtt(base::TimeDelta rtt) { rtt_ = rtt; }
  /// Sequence numbers to ask for now, ascending. Valid until the next call.
  std::span<const uint16_t> collect(base::Timestamp now);
  /// When collect() would next return something; plusInfinity when nothing is missing.
  base::Timestamp nextDeadline() const;
  size_t missing() const { return missing_.size(); }
  uint64_t requested() const { return requested_; }  ///< sequence numbers asked for, repetitions included

 private:
  struct Missing {
    int64_t sequence = 0;
    base::Timestamp since;
    base::Timestamp lastAsked = base::Timestamp::minusInfinity();
    uint8_t tries = 0;
  };
  base::Timestamp due(const Missing& missing) const;
  std::vector<Missing> missing_;  ///< ascending
  std::vector<uint16_t> batch_;
  std::optional<int64_t> highest_;
  base::TimeDelta rtt_ = base::TimeDelta::millis(100);
  uint64_t requested_ = 0;
};

}  // namespace sotto::stream
