// Loss and jitter of one received stream for its report blocks (RFC 3550 appendices A.3 and A.8).
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Units.hpp"
#include "media/rtp/RtcpReport.hpp"

namespace sotto::stream {

class ReceiverStatistics {
 public:
  explicit ReceiverStatistics(uint32_t clockRate) : clockRate_(clockRate) {}

  /// A packet on the media SSRC itself (retransmissions on the RTX SSRC do not count, they would hide loss).
  /// `sequence` unwrapped.
  void onPacket(int64_t sequence, uint32_t rtpTimestamp, base::Timestamp arrival);
  void onSenderReport(rtp::NtpTime ntp, base::Timestamp arrival);
  /// Closes the interval since the last call. Nullopt before the first packet.
  std::optional<rtp::ReportBlock> report(uint32_t ssrc, base::Timestamp now);

  uint64_t packets() const { return received_; }
  int64_t lost() const;  ///< may be negative with duplicates
  uint32_t jitter() const { return static_cast<uint32_t>(jitterQ4_ >> 4); }  ///< RTP timestamp units

 private:
  uint32_t clockRate_;
  std::optional<int64_t> first_;
  int64_t highest_ = 0;
  uint64_t received_ = 0;
  int64_t expectedPrior_ = 0;
  uint64_t receivedPrior_ = 0;
  int64_t jitterQ4_ = 0;
  std::optional<int64_t> lastTransit_;
  uint32_t lastTimestamp_ = 0;
  uint32_t lastSenderReport_ = 0;
  base::Timestamp lastSenderReportAt_;
};

}  // namespace sotto::stream
