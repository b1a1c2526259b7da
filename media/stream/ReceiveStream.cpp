#include "media/stream/ReceiveStream.hpp"

#include <algorithm>

#include "media/rtp/HeaderExtensions.hpp"
#include "media/rtp/Rtx.hpp"

namespace sotto::stream {
namespace {

/// A retransmission cannot be further ahead of the media than the packets in flight.
constexpr int64_t maxRtxLead = 256;

/// A lost packet is asked for at once, and again after 1.25 round trips: this leaves room for five requests,
/// so that at 5 % loss both ways one packet in 100,000 is given up. Past the upper bound a key frame comes
/// sooner.
base::TimeDelta referenceWait(base::TimeDelta rtt) {
  return std::clamp(rtt * 6, base::TimeDelta::millis(150), base::TimeDelta::millis(400));
}

/// Two requests have been answered by then, had nothing been lost, and a third is under way. Half a second
/// without a picture is too much, so the key frame, which takes a round trip and perhaps repairs of its own,
/// must be asked for well before that: at 5 % loss both ways for one lost packet in a hundred.
base::TimeDelta keyFrameWait(base::TimeDelta rtt) {
  return std::clamp(rtt * 5 / 2, base::TimeDelta::millis(120), base::TimeDelta::millis(200));
}

frame::AssemblerOptions assemblerOptions(const ReceiveStreamOptions& options) {
  frame::AssemblerOptions assembler;
  assembler.ssrc = options.ssrc;
  assembler.codec = options.codec;
  assembler.trailer = options.trailer;
  assembler.maxFrameSize = options.maxFrameSize;
  // Without retransmissions only reordering can fill a gap.
  if (!options.nack) assembler.referenceWait = assembler.reorderWait;
  return assembler;
}

}  // namespace

ReceiveStream::ReceiveStream(const ReceiveStreamOptions& options, frame::FramePool& pool)
    : options_(options),
      assembler_(assemblerOptions(options), pool),
      statistics_(options.clockRate),
      clock_(options.clockRate),
      window_(windowSize, -1) {}

void ReceiveStream::setRtt(base::TimeDelta rtt) {
  nacks_.setRtt(rtt);
  if (options_.nack) assembler_.setWaits(referenceWait(rtt), keyFrameWait(rtt));
}

bool ReceiveStream::markReceived(int64_t sequence) {
  int64_t& entry = window_[static_cast<size_t>(sequence) % windowSize];
  if (entry >= sequence) return false;  // seen, or too old to tell
  entry = sequence;
  return true;
}

bool ReceiveStream::onPacket(const base::PacketRef& packet, const rtp::RtpPacketView& view,
                             base::Timestamp now) {
  frame::MediaPacket media;
  media.buffer = packet;
  media.payload = view.payload();
  media.timestamp = view.timestamp;
  media.marker = view.marker;
  if (view.ssrc == options_.ssrc) return onMedia(media, view, now);
  if (view.ssrc == options_.rtxSsrc && options_.rtxSsrc != 0) return onRtx(media, view, now);
  return false;
}

bool ReceiveStream::onMedia(frame::MediaPacket& media, const rtp::RtpPacketView& view, base::Timestamp now) {
  ++counters_.packets;
  counters_.payloadBytes += media.payload.size();
  media.sequence = sequences_.unwrap(view.sequenceNumber);
  statistics_.onPacket(media.sequence, view.timestamp, now);
  if (view.payloadType != options_.payloadType) {
    ++counters_.rejectedPackets;
    media.payload = {};  // keeps its place in the order, as padding does
  }
  if (const auto value = view.extension(options_.audioLevelExtension)) {
    if (const auto level = rtp::parseAudioLevel(*value)) {
      media.audioLevel = level->level;
      media.voiceActivity = level->voiceActivity;
    }
  }
  return insert(media, now);
}

bool ReceiveStream::onRtx(frame::MediaPacket& media, const rtp::RtpPacketView& view, base::Timestamp now) {
  ++counters_.rtxPackets;
  const auto rtx = rtp::parseRtx(view.payload());
  // Before any media there is nothing to unwrap the original sequence number against.
  if (!rtx || !sequences_.last() || view.payloadType != options_.rtxPayloadType) {
    if (!view.payload().empty()) ++counters_.rejectedPackets;
    return false;
  }
  media.payload = rtx->payload;
  media.sequence = sequences_.peek(rtx->originalSequence);
  // Senders probe with copies of recent packets: one may fill a loss at the very end of what was seen.
  if (media.sequence > *sequences_.last() + maxRtxLead) {
    ++counters_.rejectedPackets;
    return false;
  }
  sequences_.unwrap(rtx->originalSequence);
  const bool fresh = insert(media, now);
  if (fresh) ++counters_.recoveredPackets;
  return fresh;
}

bool ReceiveStream::insert(frame::MediaPacket& packet, base::Timestamp now) {
  if (packet.sequence < 0 || !markReceived(packet.sequence)) {
    ++counters_.duplicatePackets;
    return false;
  }
  if (options_.nack) nacks_.onPacket(packet.sequence, now);
  switch (assembler_.insert(packet, now)) {
    case frame::FrameAssembler::Inserted::Stored:
      return !packet.payload.empty();
    case frame::FrameAssembler::Inserted::Malformed:
      ++counters_.rejectedPackets;
      return false;
    case frame::FrameAssembler::Inserted::Duplicate:
    case frame::FrameAssembler::Inserted::Late:
      break;
  }
  return false;
}

void ReceiveStream::onSenderReport(const rtp::SenderReport& report, base::Timestamp now) {
  clock_.onPair(report.ntp, report.rtpTimestamp);
  statistics_.onSenderReport(report.ntp, now);
}

std::span<const uint16_t> ReceiveStream::collectNacks(base::Timestamp now) {
  if (!options_.nack) return {};
  nacks_.giveUpBefore(assembler_.oldestUseful());
  return nacks_.collect(now);
}

base::Timestamp ReceiveStream::nextDeadline() const {
  const base::Timestamp frames = assembler_.nextDeadline();
  return options_.nack ? std::min(frames, nacks_.nextDeadline()) : frames;
}

}  // namespace sotto::stream
