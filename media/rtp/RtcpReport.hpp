// Sender and receiver reports (RFC 3550 sections 6.4.1 and 6.4.2).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "media/rtp/NtpTime.hpp"
#include "media/rtp/RtcpPacket.hpp"

namespace sotto::rtp {

/// What a receiver says of one source.
struct ReportBlock {
  uint32_t ssrc = 0;                    ///< the source reported on
  uint8_t fractionLost = 0;             ///< since the last report, 1/256
  int32_t cumulativeLost = 0;           ///< signed 24 bits on the wire; written clamped
  uint32_t highestSequence = 0;         ///< cycles << 16 | sequence number
  uint32_t jitter = 0;                  ///< RTP timestamp units
  uint32_t lastSenderReport = 0;        ///< LSR: compact NTP of the last SR, 0 when there was none
  uint32_t delaySinceSenderReport = 0;  ///< DLSR, 1/65536 s
  bool operator==(const ReportBlock&) const = default;
};

/// The count field has 5 bits.
inline constexpr size_t maxReportBlocks = 31;

struct SenderReport {
  uint32_t ssrc = 0;
  NtpTime ntp;
  uint32_t rtpTimestamp = 0;
  uint32_t packetCount = 0;
  uint32_t octetCount = 0;  ///< payload bytes, without headers and padding
  bool operator==(const SenderReport&) const = default;
};

/// Report blocks in place, without a heap.
struct ReportBlocks {
  std::array<ReportBlock, maxReportBlocks> blocks;
  size_t count = 0;
  std::span<const ReportBlock> view() const { return {blocks.data(), count}; }
};

struct ParsedSenderReport {
  SenderReport report;
  ReportBlocks blocks;
};
struct ParsedReceiverReport {
  uint32_t ssrc = 0;  ///< of the sender of this packet
  ReportBlocks blocks;
};

/// Profile-specific extensions after the blocks are ignored.
tl::expected<ParsedSenderReport, ParseError> parseSenderReport(const RtcpPacketView& packet);
tl::expected<ParsedReceiverReport, ParseError> parseReceiverReport(const RtcpPacketView& packet);

/// Each writes one packet (at most 31 blocks are written) and returns its size, or 0 when `out` is too small.
size_t writeSenderReport(const SenderReport& report, std::span<const ReportBlock> blocks,
                         base::MutableByteView out);
size_t writeReceiverReport(uint32_t ssrc, std::span<const ReportBlock> blocks, base::MutableByteView out);

/// Round trip time from a report block about our own stream (RFC 3550 section 6.4.1): `now` is our NTP clock
/// at the report's arrival. Nullopt when the block carries no LSR; never below zero.
std::optional<base::TimeDelta> roundTripTime(const ReportBlock& block, NtpTime now);

}  // namespace sotto::rtp
