#include "media/stream/ReceiverStatistics.hpp"

#include <algorithm>

namespace sotto::stream {

void ReceiverStatistics::onPacket(int64_t sequence, uint32_t rtpTimestamp, base::Timestamp arrival) {
  if (!first_) {
    first_ = sequence;
    highest_ = sequence;
  }
  first_ = std::min(*first_, sequence);
  highest_ = std::max(highest_, sequence);
  ++received_;
  const int64_t arrivalUnits =
      arrival.us() / 1'000 * clockRate_ / 1'000 + arrival.us() % 1'000 * clockRate_ / 1'000'000;
  const int64_t transit = static_cast<int32_t>(static_cast<uint32_t>(arrivalUnits) - rtpTimestamp);
  // Packets of one frame share a timestamp; only the first of them tells of jitter, the rest of pacing.
  if (lastTransit_ && rtpTimestamp != lastTimestamp_) {
    const int64_t difference = static_cast<int32_t>(static_cast<uint32_t>(transit - *lastTransit_));
    const int64_t magnitude = difference < 0 ? -difference : difference;
    jitterQ4_ += magnitude - ((jitterQ4_ + 8) >> 4);  // appendix A.8, scaled by 16
  }
  if (!lastTransit_ || rtpTimestamp != lastTimestamp_) lastTransit_ = transit;
  lastTimestamp_ = rtpTimestamp;
}

void ReceiverStatistics::onSenderReport(rtp::NtpTime ntp, base::Timestamp arrival) {
  lastSenderReport_ = ntp.compact();
  lastSenderReportAt_ = arrival;
}

int64_t ReceiverStatistics::lost() const {
  return first_ ? highest_ - *first_ + 1 - static_cast<int64_t>(received_) : 0;
}

std::optional<rtp::ReportBlock> ReceiverStatistics::report(uint32_t ssrc, base::Timestamp now) {
  if (!first_) return std::nullopt;
  const int64_t expected = highest_ - *first_ + 1;
  const int64_t expectedInterval = expected - expectedPrior_;
  const int64_t lostInterval = expectedInterval - static_cast<int64_t>(received_ - receivedPrior_);
  expectedPrior_ = expected;
  receivedPrior_ = received_;

  rtp::ReportBlock block;
  block.ssrc = ssrc;
  if (expectedInterval > 0 && lostInterval > 0) {
    block.fractionLost = static_cast<uint8_t>(std::min<int64_t>(lostInterval * 256 / expectedInterval, 255));
  }
  constexpr int64_t most = 0x7FFFFF;
  block.cumulativeLost = static_cast<int32_t>(std::clamp<int64_t>(lost(), -most, most));
  // Our unwrapped numbers start in the second cycle, reports in the first.
  block.highestSequence = static_cast<uint32_t>(highest_ - 0x10000);
  block.jitter = jitter();
  if (lastSenderReport_ != 0) {
    block.lastSenderReport = lastSenderReport_;
    block.delaySinceSenderReport = rtp::deltaToCompact(now - lastSenderReportAt_);
  }
  return block;
}

}  // namespace sotto::stream
