#include "client/native/rtc/SlotReceiver.hpp"

#include <algorithm>
#include <utility>

namespace sotto::client::rtc {

SlotReceiver::SlotReceiver(std::string mid, control::MediaKind kind, frame::TrailerPolicy trailer,
                           frame::FramePool& pool)
    : mid_(std::move(mid)), kind_(kind), trailer_(trailer), pool_(pool) {}

MediaLine SlotReceiver::line() const {
  MediaLine line;
  line.mid = mid_;
  line.kind = kind_;
  line.role = MediaLine::Role::Slot;
  return line;
}

void SlotReceiver::negotiated(const AnsweredLine& line) {
  if (!line.accepted) return;
  ssrc_ = line.ssrc;
  rtxSsrc_ = line.rtxSsrc;
  audioLevelExtension_ = line.extensions.audioLevel;
}

std::optional<frame::CodecType> SlotReceiver::codecOf(uint8_t payloadType, bool rtx) const {
  for (frame::CodecType codec : {frame::CodecType::Opus, frame::CodecType::Vp8, frame::CodecType::Vp9}) {
    const CodecNumbers& numbers = numbersOf(codec);
    const bool audio = codec == frame::CodecType::Opus;
    if (audio != (kind_ == control::MediaKind::Audio)) continue;
    if (payloadType == (rtx ? numbers.rtxPayloadType : numbers.payloadType)) return codec;
  }
  return std::nullopt;
}

void SlotReceiver::select(frame::CodecType codec) {
  if (stream_) earlier_ = statistics();
  const CodecNumbers& numbers = numbersOf(codec);
  stream::ReceiveStreamOptions options;
  options.ssrc = ssrc_;
  options.rtxSsrc = rtxSsrc_;
  options.payloadType = numbers.payloadType;
  options.rtxPayloadType = numbers.rtxPayloadType;
  options.clockRate = numbers.clockRate;
  options.codec = codec;
  options.trailer = trailer_;
  options.audioLevelExtension = audioLevelExtension_;
  options.nack = rtxSsrc_ != 0;
  stream_.emplace(options, pool_);
  stream_->setRtt(roundTrip_);
  framesOfCodec_ = 0;
  keyFrameDue_ = base::Timestamp::plusInfinity();
}

void SlotReceiver::onPacket(const base::PacketRef& packet, const rtp::RtpPacketView& view,
                            base::Timestamp now) {
  const bool rtx = view.ssrc == rtxSsrc_;
  const auto codec = codecOf(view.payloadType, rtx);
  if (!codec) return;
  if (!stream_ || stream_->options().codec != *codec) {
    // A source of another codec plays here now; stragglers of the old one are of no more use.
    const auto newest = sequences_.last();
    if (stream_ && (rtx || (newest && sequences_.peek(view.sequenceNumber) < *newest))) return;
    select(*codec);
  }
  if (!rtx) sequences_.unwrap(view.sequenceNumber);
  stream_->onPacket(packet, view, now);
}

void SlotReceiver::onSenderReport(const rtp::SenderReport& report, base::Timestamp now) {
  if (stream_) stream_->onSenderReport(report, now);
}

void SlotReceiver::setRoundTrip(base::TimeDelta roundTrip) {
  roundTrip_ = roundTrip;
  if (stream_) stream_->setRtt(roundTrip);
}

void SlotReceiver::deliver(base::Timestamp now, const std::function<void(const ReceivedFrame&)>& handOn) {
  if (!stream_) return;
  const uint32_t clockRate = stream_->options().clockRate;
  while (auto next = stream_->nextFrame(now)) {
    ++frames_;
    ++framesOfCodec_;
    handOn({mid_, *next->frame, timestamps_.unwrap(next->frame->rtpTimestamp), clockRate});
  }
  if (!stream_->needKeyFrame()) {
    keyFrameDue_ = base::Timestamp::plusInfinity();
  } else if (keyFrameDue_ == base::Timestamp::plusInfinity()) {
    keyFrameDue_ = framesOfCodec_ > 0 ? now : now + firstKeyFramePatience;
  }
}

std::span<const uint16_t> SlotReceiver::collectNacks(base::Timestamp now) {
  if (!stream_) return {};
  return stream_->collectNacks(now);
}

bool SlotReceiver::collectKeyFrameRequest(base::Timestamp now) {
  const bool wanted = std::exchange(keyFrameWanted_, false);
  if (!wanted && now < keyFrameDue_) return false;
  if (now >= keyFrameDue_) keyFrameDue_ = now + keyFrameInterval;
  ++keyFrameRequests_;
  return true;
}

std::optional<rtp::ReportBlock> SlotReceiver::reportBlock(base::Timestamp now) {
  if (!stream_) return std::nullopt;
  return stream_->reportBlock(now);
}

base::Timestamp SlotReceiver::nextDeadline() const {
  if (!stream_) return base::Timestamp::plusInfinity();
  return std::min(stream_->nextDeadline(), keyFrameDue_);
}

SlotStatistics SlotReceiver::statistics() const {
  SlotStatistics statistics = earlier_;
  statistics.mid = mid_;
  statistics.keyFrameRequests = keyFrameRequests_;
  statistics.frames = frames_;
  if (!stream_) return statistics;
  const stream::ReceiveStreamStatistics& counted = stream_->statistics();
  statistics.packets += counted.packets;
  statistics.bytes += counted.payloadBytes;
  statistics.recovered += counted.recoveredPackets;
  const int64_t lost = stream_->receiverStatistics().lost();
  if (lost > 0) statistics.lost += static_cast<uint64_t>(lost);
  statistics.nacks += stream_->nacksRequested();
  statistics.framesDropped += stream_->assemblerStatistics().undecodable;
  return statistics;
}

}  // namespace sotto::client::rtc
