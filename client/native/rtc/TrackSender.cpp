#include "client/native/rtc/TrackSender.hpp"

#include <cstring>

namespace sotto::client::rtc {

TrackSender::TrackSender(std::string mid, TrackSettings settings, base::Random& random,
                         frame::FramePool& pool)
    : mid_(std::move(mid)), settings_(std::move(settings)), pool_(pool) {
  if (settings_.rids.size() < 2) settings_.rids.clear();
  layers_.resize(settings_.rids.empty() ? 1 : settings_.rids.size());
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    if (!settings_.rids.empty()) layer.rid = settings_.rids[i];
    layer.ssrc = random.u32();
    if (settings_.kind == control::MediaKind::Video) layer.rtxSsrc = random.u32();
    layer.firstSequence = static_cast<uint16_t>(random.u32() & 0x7FFF);
    layer.firstRtxSequence = static_cast<uint16_t>(random.u32() & 0x7FFF);
    layer.timestampOffset = random.u32();
    layer.pictureId = static_cast<uint16_t>(random.u32() & 0x7FFF);
    layer.tl0PicIdx = static_cast<uint8_t>(random.u32());
  }
}

MediaLine TrackSender::line() const {
  MediaLine line;
  line.mid = mid_;
  line.kind = settings_.kind;
  line.role = MediaLine::Role::Track;
  line.codec = settings_.codec;
  line.rids = settings_.rids;
  line.ssrc = layers_.front().ssrc;
  line.rtxSsrc = layers_.front().rtxSsrc;
  return line;
}

void TrackSender::negotiated(const AnsweredLine& answered) {
  if (ready() || !answered.accepted) return;
  bool codecAccepted = false;
  for (frame::CodecType codec : answered.codecs) codecAccepted |= codec == settings_.codec;
  if (!codecAccepted) return;
  const CodecNumbers& numbers = numbersOf(settings_.codec);
  for (Layer& layer : layers_) {
    stream::SendStreamOptions options;
    options.ssrc = layer.ssrc;
    options.rtxSsrc = layer.rtxSsrc;
    options.payloadType = numbers.payloadType;
    options.rtxPayloadType = numbers.rtxPayloadType;
    options.clockRate = numbers.clockRate;
    options.firstSequence = layer.firstSequence;
    options.firstRtxSequence = layer.firstRtxSequence;
    options.extensions.midId = answered.extensions.mid;
    options.extensions.mid = mid_;
    options.extensions.ridId = layer.rid.empty() ? uint8_t{0} : answered.extensions.rid;
    options.extensions.rid = layer.rid;
    options.extensions.repairedRidId = layer.rid.empty() ? uint8_t{0} : answered.extensions.repairedRid;
    options.extensions.audioLevelId = answered.extensions.audioLevel;
    options.extensions.transportCcId = answered.extensions.transportCc;
    layer.stream.emplace(options);
  }
}

void TrackSender::describe(frame::CodecType codec, Layer& layer, const frame::FrameMetadata& metadata,
                           frame::CodecInfo& info) {
  if (codec == frame::CodecType::Opus) return;
  layer.pictureId = static_cast<uint16_t>((layer.pictureId + 1) & 0x7FFF);
  info.pictureId = layer.pictureId;
  info.endOfPicture = true;
  if (codec == frame::CodecType::Vp9) {
    // One spatial and, as far as the descriptor says, one temporal layer: each picture follows the one
    // before.
    info.interPicturePredicted = !metadata.keyFrame;
    return;
  }
  if (metadata.temporalIndex == 0) ++layer.tl0PicIdx;
  info.tl0PicIdx = layer.tl0PicIdx;
  info.temporalId = static_cast<int8_t>(metadata.temporalIndex & 3);
  info.layerSync = metadata.temporalSwitchingPoint;
  info.nonReference = metadata.discardable;
}

bool TrackSender::send(size_t index, const FrameToSend& frame, base::Timestamp now,
                       stream::PacketSink& sink) {
  if (index >= layers_.size() || !layers_[index].stream) return false;
  Layer& layer = layers_[index];
  const frame::FrameRef copy = pool_.acquire(frame.data.size());
  if (!copy) return false;
  if (!frame.data.empty()) {
    std::memcpy(copy->writablePayload().data(), frame.data.data(), frame.data.size());
  }
  copy->codec = settings_.codec;
  copy->metadata = frame.metadata;
  copy->audioLevel = frame.audioLevel;
  copy->voiceActivity = frame.audioLevel < 127;
  describe(settings_.codec, layer, frame.metadata, copy->codecInfo);
  stream::FrameRewrite rewrite;
  // Split, so that the product stays in range for any monotonic clock.
  const int64_t clockRate = numbersOf(settings_.codec).clockRate;
  const int64_t micros = frame.captureTime.us();
  const int64_t ticks = micros / 1'000'000 * clockRate + micros % 1'000'000 * clockRate / 1'000'000;
  rewrite.rtpTimestamp = static_cast<uint32_t>(ticks) + layer.timestampOffset;
  rewrite.descriptor = frame::DescriptorRewrite::passThrough(*copy);
  layer.stream->sendFrame(copy, rewrite, now, sink);
  return true;
}

std::optional<size_t> TrackSender::find(uint32_t ssrc) const {
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i].ssrc == ssrc && layers_[i].stream) return i;
  }
  return std::nullopt;
}

void TrackSender::onNack(size_t layer, uint16_t sequence, base::TimeDelta roundTrip, base::Timestamp now,
                         stream::PacketSink& sink) {
  layers_[layer].stream->onNack(sequence, now, stream::SendStream::minCopyAge(roundTrip), sink);
}

void TrackSender::onReceiverReport(size_t layer, const rtp::ReportBlock& block) {
  layers_[layer].stream->onReceiverReport();
  layers_[layer].fractionLost = block.fractionLost / 256.0;
}

bool TrackSender::isNewFir(size_t layer, uint8_t sequence) {
  const bool isNew = layers_[layer].lastFir != sequence;
  layers_[layer].lastFir = sequence;
  return isNew;
}

std::optional<rtp::SenderReport> TrackSender::senderReport(size_t layer, rtp::NtpTime ntp,
                                                           base::Timestamp now) const {
  if (!layers_[layer].stream) return std::nullopt;
  return layers_[layer].stream->senderReport(ntp, now);
}

LayerStatistics TrackSender::statistics(size_t index) const {
  const Layer& layer = layers_[index];
  LayerStatistics statistics;
  statistics.mid = mid_;
  statistics.rid = layer.rid;
  statistics.ssrc = layer.ssrc;
  statistics.keyFrameRequests = layer.keyFrameRequests;
  statistics.fractionLost = layer.fractionLost;
  if (!layer.stream) return statistics;
  const stream::SendStreamStatistics& counted = layer.stream->statistics();
  statistics.frames = counted.frames;
  statistics.packets = counted.packets;
  statistics.bytes = counted.payloadBytes;
  statistics.retransmitted = counted.retransmittedPackets;
  return statistics;
}

}  // namespace sotto::client::rtc
