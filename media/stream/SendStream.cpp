#include "media/stream/SendStream.hpp"

#include <algorithm>
#include <array>

#include "media/rtp/HeaderExtensions.hpp"
#include "media/rtp/Rtx.hpp"

namespace sotto::stream {
namespace {

/// Fixed header, and more extensions than we ever write.
constexpr size_t maxHeaderSize = 128;
/// Retransmissions may come in bursts (a lost burst is asked for at once): this much of a second's budget.
constexpr double burstSeconds = 0.25;

base::ByteView bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

SendStream::SendStream(const SendStreamOptions& options)
    : options_(options),
      records_(historyFrames),
      copies_(historyPackets),
      nextSequence_(options.firstSequence),
      nextRtxSequence_(options.firstRtxSequence) {}

void SendStream::setPayloadTypes(uint8_t payloadType, uint8_t rtxPayloadType) {
  options_.payloadType = payloadType;
  options_.rtxPayloadType = rtxPayloadType;
}

size_t SendStream::writeHeader(const rtp::RtpHeader& header, const frame::Frame& frame, bool rtx,
                               uint16_t transportSequence, base::MutableByteView out) const {
  const SendExtensions& ids = options_.extensions;
  const auto level = rtp::encodeAudioLevel({frame.audioLevel, frame.voiceActivity});
  const auto transport = rtp::encodeTransportSequence(transportSequence);
  const auto idOf = [](uint8_t id, bool wanted) { return wanted ? id : uint8_t{0}; };
  // Reports never speak of an RTX SSRC, and the repaired RID is all that ties it to a layer: it stays.
  const bool introduce = !reported_ || (rtx && ids.repairedRidId != 0);
  const bool withMid = introduce && !ids.mid.empty();
  const bool withRid = introduce && !ids.rid.empty();
  const std::array<rtp::ExtensionElement, 4> elements{{
      {idOf(ids.midId, withMid), bytesOf(ids.mid)},
      {idOf(rtx ? ids.repairedRidId : ids.ridId, withRid), bytesOf(ids.rid)},
      {idOf(ids.audioLevelId, frame.codec == frame::CodecType::Opus), level},
      {ids.transportCcId, transport},
  }};
  return rtp::writeRtpHeader(header, elements, out);
}

size_t SendStream::headerSize(const frame::Frame& frame) const {
  std::array<uint8_t, maxHeaderSize> scratch;
  return writeHeader({}, frame, false, 0, scratch);
}

size_t SendStream::payloadBudget(const frame::Frame& frame) const {
  // RTX packets are two bytes longer and must fit, too.
  const size_t overhead = headerSize(frame) + rtp::rtxHeaderSize;
  return options_.maxPacketSize - std::min(overhead, options_.maxPacketSize);
}

size_t SendStream::wireSize(const frame::Frame& frame, const frame::DescriptorRewrite& rewrite) const {
  const frame::Packetizer packetizer(frame, rewrite, payloadBudget(frame));
  std::array<uint8_t, frame::Packetizer::maxDescriptorSize> scratch;
  const size_t count = packetizer.packetCount();
  const size_t descriptors = packetizer.writeDescriptor(0, scratch) +
                             (count > 1 ? (count - 1) * packetizer.writeDescriptor(1, scratch) : 0);
  return count * headerSize(frame) + descriptors + frame.payload().size();
}

size_t SendStream::sendFrame(const frame::FrameRef& frame, const FrameRewrite& rewrite, base::Timestamp now,
                             PacketSink& sink) {
  expire(now);
  const size_t budget = payloadBudget(*frame);
  const frame::Packetizer packetizer(*frame, rewrite.descriptor, budget);
  const size_t count = packetizer.packetCount();
  if (recordCount_ == historyFrames) dropOldest();
  Record& record = records_[(oldestRecord_ + recordCount_++) % historyFrames];
  record = {frame,
            rewrite,
            nextSequence_,
            static_cast<uint32_t>(count),
            static_cast<uint16_t>(budget),
            options_.payloadType,
            options_.rtxPayloadType,
            now};

  std::array<uint8_t, maxHeaderSize> header;
  std::array<uint8_t, frame::Packetizer::maxDescriptorSize> prefix;
  const bool numbered = options_.extensions.transportCcId != 0;
  for (size_t i = 0; i < count; ++i) {
    const frame::Packetizer::Segment segment = packetizer.segment(i);
    const size_t prefixSize = packetizer.writeDescriptor(i, prefix);
    const rtp::RtpHeader fields{segment.marker, options_.payloadType, static_cast<uint16_t>(nextSequence_),
                                rewrite.rtpTimestamp, options_.ssrc};
    const uint16_t transport = numbered ? sink.nextTransportSequence() : uint16_t{0};
    const size_t size = writeHeader(fields, *frame, false, transport, header);
    ++nextSequence_;
    const OutgoingPacket packet{{header.data(), size}, {prefix.data(), prefixSize}, segment.chunk, false};
    statistics_.bytes += packet.size();
    statistics_.payloadBytes += prefixSize + segment.chunk.size();
    sink.send(packet);
  }
  statistics_.packets += count;
  ++statistics_.frames;
  lastTimestamp_ = rewrite.rtpTimestamp;
  lastSent_ = now;
  return count;
}

void SendStream::dropOldest() {
  records_[oldestRecord_].frame.reset();
  oldestRecord_ = (oldestRecord_ + 1) % historyFrames;
  --recordCount_;
}

void SendStream::expire(base::Timestamp now) {
  while (recordCount_ > 0) {
    const Record& oldest = records_[oldestRecord_];
    const bool beyond = nextSequence_ - oldest.firstSequence > static_cast<int64_t>(historyPackets);
    if (!beyond && now - oldest.sent <= historyAge) return;
    dropOldest();
  }
}

const SendStream::Record* SendStream::find(int64_t sequence) const {
  size_t low = 0, high = recordCount_;
  while (low < high) {  // the first record that begins after `sequence`
    const size_t middle = (low + high) / 2;
    const bool after = records_[(oldestRecord_ + middle) % historyFrames].firstSequence > sequence;
    (after ? high : low) = after ? middle : middle + 1;
  }
  if (low == 0) return nullptr;
  const Record& record = records_[(oldestRecord_ + low - 1) % historyFrames];
  return sequence < record.firstSequence + record.packets ? &record : nullptr;
}

bool SendStream::onNack(uint16_t sequence, base::Timestamp now, base::TimeDelta minAge, PacketSink& sink) {
  expire(now);
  // The latest packet with these 16 bits.
  const int64_t back = static_cast<uint16_t>(static_cast<uint16_t>(nextSequence_ - 1) - sequence);
  const int64_t full = nextSequence_ - 1 - back;
  const Record* record = find(full);
  if (record == nullptr || options_.rtxSsrc == 0 || record->rtxPayloadType == 0) {
    ++statistics_.nacksUnknown;
    return false;
  }
  LastCopy& copy = copies_[static_cast<size_t>(full) % historyPackets];
  const bool justSent = copy.sequence == full && now - copy.at < minAge;
  if (justSent || !allowRetransmission(options_.maxPacketSize, now)) {
    ++statistics_.nacksSuppressed;
    return false;
  }
  copy = {full, now};
  retransmit(*record, full, sink);
  return true;
}

bool SendStream::allowRetransmission(size_t bytes, base::Timestamp now) {
  const double perSecond = static_cast<double>(options_.maxRetransmissionRate.bps()) / 8;
  const double most = std::max(perSecond * burstSeconds, static_cast<double>(bytes));
  if (budgetAt_ == base::Timestamp::minusInfinity()) {
    retransmissionBudget_ = most;
  } else if (now > budgetAt_) {
    retransmissionBudget_ += perSecond * (now - budgetAt_).secondsAsDouble();
  }
  budgetAt_ = now;
  retransmissionBudget_ = std::min(retransmissionBudget_, most);
  if (retransmissionBudget_ < static_cast<double>(bytes)) return false;
  retransmissionBudget_ -= static_cast<double>(bytes);
  return true;
}

void SendStream::retransmit(const Record& record, int64_t sequence, PacketSink& sink) {
  const frame::Packetizer packetizer(*record.frame, record.rewrite.descriptor, record.payloadBudget);
  const size_t index = static_cast<size_t>(sequence - record.firstSequence);
  const frame::Packetizer::Segment segment = packetizer.segment(index);
  std::array<uint8_t, rtp::rtxHeaderSize + frame::Packetizer::maxDescriptorSize> prefix;
  base::storeU16(prefix.data(), static_cast<uint16_t>(sequence));
  const size_t descriptor =
      packetizer.writeDescriptor(index, base::MutableByteView(prefix).subspan(rtp::rtxHeaderSize));

  const rtp::RtpHeader fields{segment.marker, record.rtxPayloadType,
                              static_cast<uint16_t>(nextRtxSequence_++), record.rewrite.rtpTimestamp,
                              options_.rtxSsrc};
  const uint16_t transport =
      options_.extensions.transportCcId != 0 ? sink.nextTransportSequence() : uint16_t{0};
  std::array<uint8_t, maxHeaderSize> header;
  const size_t headerBytes = writeHeader(fields, *record.frame, true, transport, header);
  const OutgoingPacket packet{
      {header.data(), headerBytes}, {prefix.data(), rtp::rtxHeaderSize + descriptor}, segment.chunk, true};
  ++statistics_.retransmittedPackets;
  statistics_.retransmittedBytes += packet.size();
  sink.send(packet);
}

std::optional<rtp::SenderReport> SendStream::senderReport(rtp::NtpTime ntp, base::Timestamp now) const {
  if (!lastTimestamp_) return std::nullopt;
  const int64_t since = std::max<int64_t>((now - lastSent_).us(), 0);
  rtp::SenderReport report;
  report.ssrc = options_.ssrc;
  report.ntp = ntp;
  report.rtpTimestamp = *lastTimestamp_ + static_cast<uint32_t>(since * options_.clockRate / 1'000'000);
  report.packetCount = static_cast<uint32_t>(statistics_.packets);
  report.octetCount = static_cast<uint32_t>(statistics_.payloadBytes);
  return report;
}

}  // namespace sotto::stream
