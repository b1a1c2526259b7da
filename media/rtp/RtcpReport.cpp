#include "media/rtp/RtcpReport.hpp"

#include <algorithm>

namespace sotto::rtp {
namespace {

constexpr size_t blockSize = 24;
constexpr int32_t maxCumulativeLost = 0x7FFFFF;

ReportBlock readBlock(base::ByteReader& in) {
  ReportBlock block;
  block.ssrc = in.u32();
  block.fractionLost = in.u8();
  const uint32_t lost = in.u24();
  block.cumulativeLost = static_cast<int32_t>(lost << 8) >> 8;  // sign-extends 24 bits
  block.highestSequence = in.u32();
  block.jitter = in.u32();
  block.lastSenderReport = in.u32();
  block.delaySinceSenderReport = in.u32();
  return block;
}

bool readBlocks(base::ByteReader& in, size_t count, ReportBlocks& blocks) {
  blocks.count = count;
  for (size_t i = 0; i < count; ++i) blocks.blocks[i] = readBlock(in);
  return in.ok();
}

void writeBlocks(std::span<const ReportBlock> blocks, base::ByteWriter& out) {
  for (const ReportBlock& block : blocks) {
    out.u32(block.ssrc);
    out.u8(block.fractionLost);
    const int32_t lost = std::clamp(block.cumulativeLost, -maxCumulativeLost - 1, maxCumulativeLost);
    out.u24(static_cast<uint32_t>(lost) & 0xFFFFFF);
    out.u32(block.highestSequence);
    out.u32(block.jitter);
    out.u32(block.lastSenderReport);
    out.u32(block.delaySinceSenderReport);
  }
}

}  // namespace

tl::expected<ParsedSenderReport, ParseError> parseSenderReport(const RtcpPacketView& packet) {
  base::ByteReader in(packet.body);
  ParsedSenderReport parsed;
  parsed.report.ssrc = in.u32();
  parsed.report.ntp.value = in.u64();
  parsed.report.rtpTimestamp = in.u32();
  parsed.report.packetCount = in.u32();
  parsed.report.octetCount = in.u32();
  if (!readBlocks(in, packet.count, parsed.blocks)) return tl::make_unexpected(ParseError::Truncated);
  return parsed;
}

tl::expected<ParsedReceiverReport, ParseError> parseReceiverReport(const RtcpPacketView& packet) {
  base::ByteReader in(packet.body);
  ParsedReceiverReport parsed;
  parsed.ssrc = in.u32();
  if (!readBlocks(in, packet.count, parsed.blocks)) return tl::make_unexpected(ParseError::Truncated);
  return parsed;
}

size_t writeSenderReport(const SenderReport& report, std::span<const ReportBlock> blocks,
                         base::MutableByteView out) {
  blocks = blocks.first(std::min(blocks.size(), maxReportBlocks));
  base::ByteWriter writer(out);
  writeRtcpHeader(writer, static_cast<uint8_t>(blocks.size()), RtcpType::SenderReport,
                  28 + blocks.size() * blockSize);
  writer.u32(report.ssrc);
  writer.u64(report.ntp.value);
  writer.u32(report.rtpTimestamp);
  writer.u32(report.packetCount);
  writer.u32(report.octetCount);
  writeBlocks(blocks, writer);
  return writer.ok() ? writer.position() : 0;
}

size_t writeReceiverReport(uint32_t ssrc, std::span<const ReportBlock> blocks, base::MutableByteView out) {
  blocks = blocks.first(std::min(blocks.size(), maxReportBlocks));
  base::ByteWriter writer(out);
  writeRtcpHeader(writer, static_cast<uint8_t>(blocks.size()), RtcpType::ReceiverReport,
                  8 + blocks.size() * blockSize);
  writer.u32(ssrc);
  writeBlocks(blocks, writer);
  return writer.ok() ? writer.position() : 0;
}

std::optional<base::TimeDelta> roundTripTime(const ReportBlock& block, NtpTime now) {
  if (block.lastSenderReport == 0) return std::nullopt;
  const uint32_t units = now.compact() - block.lastSenderReport - block.delaySinceSenderReport;
  if (units >= 0x80000000) return base::TimeDelta::zero();  // clocks rounded the other way
  return compactToDelta(units);
}

}  // namespace sotto::rtp
