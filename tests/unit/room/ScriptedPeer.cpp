#include "tests/unit/room/ScriptedPeer.hpp"

#include <algorithm>
#include <array>

#include "media/rtp/RtcpKeyFrameRequest.hpp"
#include "media/rtp/RtcpNack.hpp"
#include "media/rtp/RtcpPacket.hpp"
#include "media/rtp/RtcpReport.hpp"

namespace sotto::test {

using base::Timestamp;
using control::MediaKind;

namespace {
control::HeaderExtensionIds extensionIds() {
  control::HeaderExtensionIds ids;
  ids.mid = midId;
  ids.rid = ridId;
  ids.repairedRid = repairedRidId;
  ids.audioLevel = levelId;
  ids.transportCc = transportCcId;
  return ids;
}
std::vector<control::Codec> codecsOf(MediaKind kind) {
  if (kind == MediaKind::Audio) return {{"opus", opusType, 48'000, std::nullopt}};
  return {{"VP8", vp8Type, 90'000, vp8RtxType}, {"VP9", vp9Type, 90'000, vp9RtxType}};
}
}  // namespace

ScriptedPeer::ScriptedPeer(std::string peerName, uint16_t senderNumber, uint8_t number, base::Random& random,
                           const dtls::Certificate& serverCertificate)
    : name(std::move(peerName)),
      sender(senderNumber),
      address(base::SocketAddress::v4(198, 51, 100, number, 5'000)),
      random_(random),
      certificate_(dtls::Certificate::generate()),
      serverFingerprint_(serverCertificate.fingerprint()) {
  parameters.endpoint = name;
  parameters.sender = sender;
  parameters.ice = {"server-" + name, "server-password-of-" + name, "client-" + name,
                    "client-password-of-" + name};
  parameters.fingerprint = {"sha-256", certificate_.fingerprint()};
}

void ScriptedPeer::addAudioTrack(const std::string& mid) {
  control::Track track;
  track.mid = mid;
  track.kind = MediaKind::Audio;
  track.source = control::TrackSource::Microphone;
  track.codecs = codecsOf(MediaKind::Audio);
  track.extensions = extensionIds();
  parameters.tracks.push_back(track);

  stream::SendStreamOptions options;
  options.ssrc = random_.u32() | 1;
  options.payloadType = opusType;
  options.clockRate = 48'000;
  options.extensions = {midId, mid, 0, "", 0, levelId, transportCcId};
  streams_[mid].push_back(std::make_unique<Outgoing>(options));
}

void ScriptedPeer::addVideoTrack(const std::string& mid, std::vector<std::string> rids,
                                 control::TrackSource source) {
  control::Track track;
  track.mid = mid;
  track.kind = MediaKind::Video;
  track.source = source;
  track.codecs = codecsOf(MediaKind::Video);
  track.extensions = extensionIds();
  track.rids = rids;
  parameters.tracks.push_back(track);

  if (rids.empty()) rids.push_back("");
  for (const std::string& rid : rids) {
    stream::SendStreamOptions options;
    options.ssrc = random_.u32() | 1;
    options.rtxSsrc = random_.u32() | 1;
    options.payloadType = vp8Type;
    options.rtxPayloadType = vp8RtxType;
    options.extensions = {
        midId, mid,          rid.empty() ? uint8_t{0} : ridId, rid, rid.empty() ? uint8_t{0} : repairedRidId,
        0,     transportCcId};
    options.firstSequence = static_cast<uint16_t>(random_.u32() & 0x7FFF);
    auto outgoing = std::make_unique<Outgoing>(options);
    outgoing->timestampBase = random_.u32();
    outgoing->pictureId = static_cast<int32_t>(random_.u32() & 0x7FFF);
    streams_[mid].push_back(std::move(outgoing));
  }
}

void ScriptedPeer::addSlot(const std::string& mid, MediaKind kind, frame::CodecType codec) {
  const bool vp9 = codec == frame::CodecType::Vp9;
  control::Slot slot;
  slot.mid = mid;
  slot.kind = kind;
  slot.ssrc = random_.u32() | 1;
  slot.rtxSsrc = kind == MediaKind::Video ? random_.u32() | 1 : 0;
  slot.codecs = codecsOf(kind);
  slot.extensions = extensionIds();
  parameters.slots.push_back(slot);

  stream::ReceiveStreamOptions options;
  options.ssrc = slot.ssrc;
  options.rtxSsrc = slot.rtxSsrc;
  options.payloadType = kind == MediaKind::Audio ? opusType : vp9 ? vp9Type : vp8Type;
  options.rtxPayloadType = kind == MediaKind::Audio ? uint8_t{0} : vp9 ? vp9RtxType : vp8RtxType;
  options.clockRate = kind == MediaKind::Video ? 90'000 : 48'000;
  options.codec = kind == MediaKind::Video ? codec : frame::CodecType::Opus;
  options.trailer = frame::TrailerPolicy::Optional;
  auto incoming = std::make_unique<Incoming>();
  incoming->stream = std::make_unique<stream::ReceiveStream>(options, frames_);
  incoming_[mid] = std::move(incoming);
}

void ScriptedPeer::connect(Timestamp now) {
  ice_ = std::make_unique<ice::IceClient>(
      ice::IceClientParameters{
          parameters.ice.remoteUfrag, parameters.ice.localUfrag, parameters.ice.localPassword, {server}},
      random_, [this](base::ByteView datagram, const base::SocketAddress&) {
        outgoing_.emplace_back(datagram.begin(), datagram.end());
      });
  dtls::Parameters dtls;
  dtls.role = dtls::Role::Client;
  dtls.fingerprintAlgorithm = "sha-256";
  dtls.fingerprintValue = serverFingerprint_;
  dtls.profiles = profiles;
  dtls_ = std::make_unique<dtls::DtlsTransport>(certificate_, dtls, [this](base::ByteView datagram) {
    outgoing_.emplace_back(datagram.begin(), datagram.end());
  });
  dtls_->onApplicationData([this](base::ByteView packet, Timestamp at) {
    if (onSctp) onSctp(packet, at);
  });
  ice_->start(now);
}

void ScriptedPeer::onDatagram(base::ByteView datagram, Timestamp now) {
  if (stopped_ || datagram.empty() || ice_ == nullptr) return;
  if (ice::StunMessage::looksLikeStun(datagram)) {
    ice_->onDatagram(datagram, server, now);
    if (!dtlsStarted_ && ice_->state() == ice::IceClientState::Connected) {
      dtlsStarted_ = true;
      dtls_->start(now);
    }
    return;
  }
  if (datagram[0] >= 20 && datagram[0] <= 63) {
    dtls_->onDatagram(datagram, now);
    if (dtls_->state() == dtls::State::Connected && sealer_ == nullptr) {
      const dtls::SrtpKeys& keys = dtls_->srtpKeys();
      sealer_ = srtp::makeSrtpSender(keys.profile, keys.sendKey, keys.sendSalt);
      opener_ = srtp::makeSrtpReceiver(keys.profile, keys.receiveKey, keys.receiveSalt);
    }
    return;
  }
  if (opener_ == nullptr || datagram.size() > base::PacketBuffer::capacity) return;
  std::array<uint8_t, base::PacketBuffer::capacity> copy;
  std::copy(datagram.begin(), datagram.end(), copy.begin());
  const base::MutableByteView bytes = base::MutableByteView(copy).first(datagram.size());
  if (rtp::looksLikeRtcp(datagram)) {
    if (const auto size = opener_->unprotectRtcp(bytes)) onRtcp(bytes.first(*size), now);
  } else if (const auto size = opener_->unprotectRtp(bytes)) {
    onRtp(bytes.first(*size), now);
  }
}

void ScriptedPeer::onRtp(base::MutableByteView bytes, Timestamp now) {
  const base::PacketRef packet = packets_.acquire();
  std::copy(bytes.begin(), bytes.end(), packet.storage().begin());
  packet.setSize(bytes.size());
  const auto view = rtp::RtpPacketView::parse(packet.view());
  if (!view) return;
  if (loseIncoming && loseIncoming(view->ssrc, view->sequenceNumber)) return;
  mediaBytes += bytes.size();
  for (auto& [mid, incoming] : incoming_) {
    if (view->ssrc != incoming->stream->ssrc() && view->ssrc != incoming->stream->rtxSsrc()) continue;
    if (view->ssrc == incoming->stream->ssrc() && recordFrames) {
      incoming->sequences.push_back(view->sequenceNumber);
      incoming->mids.emplace_back(view->extensionText(midId));
    }
    incoming->stream->onPacket(packet, *view, now);
    while (auto assembled = incoming->stream->nextFrame(now)) {
      if (assembled->afterGap) ++incoming->gaps;
      if (!recordFrames) continue;
      const frame::Frame& frame = *assembled->frame;
      incoming->frames.push_back({{frame.payload().begin(), frame.payload().end()},
                                  frame.rtpTimestamp,
                                  frame.metadata,
                                  frame.codecInfo,
                                  now});
    }
  }
}

void ScriptedPeer::onRtcp(base::ByteView compound, Timestamp now) {
  rtp::RtcpReader reader(compound);
  while (const auto packet = reader.next()) {
    using rtp::RtcpType;
    if (packet->is(RtcpType::SenderReport)) {
      ++senderReportsReceived;
      if (const auto report = rtp::parseSenderReport(*packet)) {
        for (auto& [mid, incoming] : incoming_) {
          if (incoming->stream->ssrc() == report->report.ssrc)
            incoming->stream->onSenderReport(report->report, now);
        }
      }
    } else if (packet->is(RtcpType::ReceiverReport)) {
      if (const auto report = rtp::parseReceiverReport(*packet)) {
        for (const auto& block : report->blocks.view()) {
          ++reportBlocksReceived;
          for (auto& [mid, list] : streams_) {
            for (auto& outgoing : list) {
              if (outgoing->stream.ssrc() == block.ssrc) outgoing->stream.onReceiverReport();
            }
          }
        }
      }
    } else if (packet->isFeedback(RtcpType::TransportFeedback, rtp::fmtTransportWide)) {
      ++feedbackReceived;
    } else if (packet->isFeedback(RtcpType::TransportFeedback, rtp::fmtNack)) {
      const auto nack = rtp::NackView::parse(*packet);
      if (!nack) continue;
      nack->forEach([&](uint16_t sequence) {
        ++nacksReceived;
        for (auto& [mid, list] : streams_) {
          for (auto& outgoing : list) {
            if (outgoing->stream.ssrc() != nack->mediaSsrc || !answerNacks) continue;
            outgoing->stream.onNack(sequence, now, base::TimeDelta::millis(20), *this);
          }
        }
      });
    } else if (packet->isFeedback(RtcpType::PayloadFeedback, rtp::fmtPli)) {
      if (const auto pli = rtp::parsePli(*packet)) {
        ++pliReceived[pli->mediaSsrc];
        pliTimes.push_back(now);
      }
    }
  }
}

void ScriptedPeer::onTime(Timestamp now) {
  if (ice_ == nullptr || stopped_) return;
  if (ice_->nextDeadline() <= now) ice_->onTime(now);
  if (dtlsStarted_ && dtls_->nextDeadline() <= now) dtls_->onTime(now);
  if (!connected()) return;
  std::array<uint8_t, 1'100> buffer;
  if (sendNacks) {
    for (auto& [mid, incoming] : incoming_) {
      const auto missing = incoming->stream->collectNacks(now);
      const size_t size = rtp::writeNack(1, incoming->stream->ssrc(), missing, buffer);
      if (size != 0) sendRtcp(base::ByteView(buffer).first(size));
      while (auto assembled = incoming->stream->nextFrame(now)) {
        if (assembled->afterGap) ++incoming->gaps;
      }
    }
  }
  for (auto& [mid, incoming] : incoming_) {
    if (incoming->stream->statistics().packets == 0 || !incoming->stream->needKeyFrame()) continue;
    if (now < incoming->nextPli) continue;
    incoming->nextPli = now + base::TimeDelta::millis(300);
    sendPli(incoming->stream->ssrc());
  }
  if (nextReport_ > now) return;
  nextReport_ = now + base::TimeDelta::seconds(1);
  std::vector<rtp::ReportBlock> blocks;
  for (auto& [mid, incoming] : incoming_) {
    if (const auto block = incoming->stream->reportBlock(now)) blocks.push_back(*block);
  }
  const size_t size = rtp::writeReceiverReport(1, blocks, buffer);
  sendRtcp(base::ByteView(buffer).first(size));
  for (auto& [mid, list] : streams_) {
    for (auto& outgoing : list) {
      const auto report =
          outgoing->stream.senderReport(rtp::NtpTime::fromUnixMicros(now.us() + 7'000'000), now);
      if (!report) continue;
      const size_t reportSize = rtp::writeSenderReport(*report, {}, buffer);
      sendRtcp(base::ByteView(buffer).first(reportSize));
    }
  }
}

void ScriptedPeer::finish(std::vector<uint8_t>& payload, const frame::FrameMetadata& metadata) const {
  payload.resize(payload.size() + frame::macLength(metadata.suite), 0xAB);
  std::array<uint8_t, frame::FrameMetadata::maxEncodedSize> trailer;
  const size_t size = frame::writeFrameMetadata(metadata, trailer);
  payload.insert(payload.end(), trailer.begin(), trailer.begin() + static_cast<std::ptrdiff_t>(size));
}

std::vector<uint8_t> ScriptedPeer::sendVideo(const std::string& mid, size_t layer, const VideoFrame& video,
                                             Timestamp now) {
  Outgoing& outgoing = *streams_.at(mid)[layer];
  std::vector<uint8_t> payload(video.size);
  random_.fill(payload);
  // VP8 frame header: what stays clear.
  payload[0] = static_cast<uint8_t>((payload[0] & 0xFE) | (video.keyFrame ? 0 : 1));
  if (video.keyFrame) {
    const std::array<uint8_t, 7> start{0x9D,
                                       0x01,
                                       0x2A,
                                       static_cast<uint8_t>(video.width),
                                       static_cast<uint8_t>(video.width >> 8),
                                       static_cast<uint8_t>(video.height),
                                       static_cast<uint8_t>(video.height >> 8)};
    std::copy(start.begin(), start.end(), payload.begin() + 3);
  }
  if (video.trailer) {
    frame::FrameMetadata metadata;
    metadata.video = !video.saysAudio;
    metadata.keyFrame = video.keyFrame;
    metadata.temporalIndex = video.temporal;
    metadata.temporalSwitchingPoint = video.layerSync;
    metadata.spatialIndex = static_cast<uint8_t>(layer);
    metadata.width = video.width;
    metadata.height = video.height;
    metadata.keyId = uint64_t{video.foreignSender != 0 ? video.foreignSender : sender} << 16;
    metadata.counter = counter_++;
    metadata.clearLength = video.keyFrame ? 10 : 3;
    if (video.saysAudio) {
      metadata.keyFrame = false;
      metadata.temporalIndex = metadata.spatialIndex = 0;
      metadata.width = metadata.height = 0;
      metadata.temporalSwitchingPoint = false;
    }
    finish(payload, metadata);
    if (video.statedLength != 0) payload[payload.size() - 2] = video.statedLength;
  }
  const frame::FrameRef frame = frames_.acquire(payload.size());
  std::copy(payload.begin(), payload.end(), frame->writablePayload().begin());
  frame->codec = frame::CodecType::Vp8;
  frame->codecInfo.pictureId = outgoing.pictureId = (outgoing.pictureId + 1) & 0x7FFF;
  if (video.temporal == 0) ++outgoing.tl0;
  frame->codecInfo.tl0PicIdx = outgoing.tl0;
  frame->codecInfo.temporalId = static_cast<int8_t>(video.temporal);
  frame->codecInfo.layerSync = video.layerSync;
  stream::FrameRewrite rewrite;
  rewrite.rtpTimestamp = outgoing.timestampBase + static_cast<uint32_t>(now.us() * 9 / 100);
  rewrite.descriptor = frame::DescriptorRewrite::passThrough(*frame);
  rewrite.descriptor.endOfPicture = true;
  outgoing.stream.sendFrame(frame, rewrite, now, *this);
  return payload;
}

std::vector<std::vector<uint8_t>> ScriptedPeer::sendVp9Picture(const std::string& mid, bool keyPicture,
                                                               int spatialLayers, uint16_t width,
                                                               uint16_t height, Timestamp now) {
  Outgoing& outgoing = *streams_.at(mid)[0];
  outgoing.stream.setPayloadTypes(vp9Type, vp9RtxType);
  outgoing.pictureId = (outgoing.pictureId + 1) & 0x7FFF;
  std::vector<std::vector<uint8_t>> layers;
  for (int spatial = 0; spatial < spatialLayers; ++spatial) {
    std::vector<uint8_t> payload(500u << spatial);
    random_.fill(payload);
    frame::FrameMetadata metadata;
    metadata.video = true;
    metadata.keyFrame = keyPicture && spatial == 0;
    metadata.spatialIndex = static_cast<uint8_t>(spatial);
    metadata.width = keyPicture ? static_cast<uint16_t>(width << spatial) : uint16_t{0};
    metadata.height = keyPicture ? static_cast<uint16_t>(height << spatial) : uint16_t{0};
    metadata.keyId = uint64_t{sender} << 16;
    metadata.counter = counter_++;
    finish(payload, metadata);
    const frame::FrameRef frame = frames_.acquire(payload.size());
    std::copy(payload.begin(), payload.end(), frame->writablePayload().begin());
    frame->codec = frame::CodecType::Vp9;
    frame->codecInfo.pictureId = outgoing.pictureId;
    frame->codecInfo.spatialId = static_cast<int8_t>(spatial);
    frame->codecInfo.temporalId = 0;
    frame->codecInfo.flexible = true;
    frame->codecInfo.interPicturePredicted = !keyPicture;
    frame->codecInfo.interLayerPredicted = keyPicture && spatial > 0;
    frame->codecInfo.referenceCount = keyPicture ? 0 : 1;
    frame->codecInfo.references[0] = 1;
    stream::FrameRewrite rewrite;
    rewrite.rtpTimestamp = outgoing.timestampBase + static_cast<uint32_t>(now.us() * 9 / 100);
    rewrite.descriptor = frame::DescriptorRewrite::passThrough(*frame);
    rewrite.descriptor.endOfPicture = spatial == spatialLayers - 1;
    outgoing.stream.sendFrame(frame, rewrite, now, *this);
    layers.push_back(std::move(payload));
  }
  return layers;
}

std::vector<uint8_t> ScriptedPeer::sendAudio(const std::string& mid, uint8_t level, Timestamp now,
                                             size_t size) {
  Outgoing& outgoing = *streams_.at(mid)[0];
  std::vector<uint8_t> payload(size);
  random_.fill(payload);
  frame::FrameMetadata metadata;
  metadata.keyId = uint64_t{sender} << 16;
  metadata.counter = counter_++;
  finish(payload, metadata);
  const frame::FrameRef frame = frames_.acquire(payload.size());
  std::copy(payload.begin(), payload.end(), frame->writablePayload().begin());
  frame->codec = frame::CodecType::Opus;
  frame->audioLevel = level;
  stream::FrameRewrite rewrite;
  rewrite.rtpTimestamp = outgoing.timestampBase + static_cast<uint32_t>(now.us() * 48 / 1'000);
  outgoing.stream.sendFrame(frame, rewrite, now, *this);
  return payload;
}

void ScriptedPeer::send(const stream::OutgoingPacket& packet) {
  if (sealer_ == nullptr || stopped_) return;
  if (loseOutgoing && loseOutgoing(base::loadU32(&packet.header[8]), base::loadU16(&packet.header[2])))
    return;
  std::vector<uint8_t> datagram(packet.size() + 16);
  const auto size = sealer_->protectRtp(packet.header, packet.prefix, packet.payload, datagram);
  if (!size) return;
  datagram.resize(*size);
  outgoing_.push_back(std::move(datagram));
}

void ScriptedPeer::sendRtp(base::ByteView header, base::ByteView payload) {
  std::vector<uint8_t> datagram(header.size() + payload.size() + 16);
  const auto size = sealer_->protectRtp(header, {}, payload, datagram);
  if (!size) return;
  datagram.resize(*size);
  outgoing_.push_back(std::move(datagram));
}

void ScriptedPeer::sendRtcp(base::ByteView packet) {
  if (sealer_ == nullptr || stopped_ || packet.empty()) return;
  std::vector<uint8_t> datagram(packet.size() + 32);
  const auto size = sealer_->protectRtcp(packet, datagram);
  if (!size) return;
  datagram.resize(*size);
  outgoing_.push_back(std::move(datagram));
}

void ScriptedPeer::sendPli(uint32_t ssrc) {
  std::array<uint8_t, 16> buffer;
  const size_t size = rtp::writePli({1, ssrc}, buffer);
  sendRtcp(base::ByteView(buffer).first(size));
}

}  // namespace sotto::test
