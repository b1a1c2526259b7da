// How a Publisher finds, makes and replaces the streams of its tracks.
#include <algorithm>

#include "media/forward/SlotSender.hpp"
#include "media/room/Publisher.hpp"

namespace sotto::room {

using base::Timestamp;

namespace {
constexpr size_t maxPendingRtx = 16;

frame::TrailerPolicy trailerPolicy(control::E2eePolicy e2ee) {
  switch (e2ee) {
    case control::E2eePolicy::Required:
      return frame::TrailerPolicy::Required;
    case control::E2eePolicy::Optional:
      return frame::TrailerPolicy::Optional;
    case control::E2eePolicy::Off:
      break;
  }
  return frame::TrailerPolicy::None;
}
}  // namespace

Publisher::Route* Publisher::route(const rtp::RtpPacketView& packet, Timestamp now) {
  const auto found = routes_.find(packet.ssrc);
  if (found != routes_.end()) {
    if (found->second.incoming->rid.empty() && !found->second.rtx) learnRid(*found->second.incoming, packet);
    return &found->second;
  }
  const auto binding = binder_.bind(packet);
  if (!binding) return nullptr;
  return binding->rtx ? bindRtx(*binding, packet.ssrc) : bindMedia(*binding, packet.ssrc, now);
}

std::unique_ptr<stream::ReceiveStream> Publisher::makeStream(const PublishedTrack& track,
                                                             const control::Codec& codec,
                                                             uint32_t ssrc) const {
  const auto type = forward::codecNamed(codec.name);
  if (!type || (*type == frame::CodecType::Opus) == track.isVideo()) return nullptr;
  stream::ReceiveStreamOptions options;
  options.ssrc = ssrc;
  options.payloadType = codec.payloadType;
  options.rtxPayloadType = codec.rtxPayloadType.value_or(0);
  options.clockRate = codec.clockRate != 0 ? codec.clockRate : (track.isVideo() ? 90'000u : 48'000u);
  options.codec = *type;
  options.trailer = trailerPolicy(identity_.e2ee);
  options.audioLevelExtension = track.config.extensions.audioLevel;
  options.nack = track.isVideo();
  auto stream = std::make_unique<stream::ReceiveStream>(options, frames_);
  if (rtt_ > base::TimeDelta::zero()) stream->setRtt(rtt_);
  return stream;
}

Publisher::Route* Publisher::bindMedia(const StreamBinder::Binding& binding, uint32_t ssrc, Timestamp now) {
  PublishedTrack& track = *tracks_[binding.track];
  if (!mayMakeStream(now)) return nullptr;
  auto stream = makeStream(track, *binding.codec, ssrc);
  if (stream == nullptr) return nullptr;
  // The same layer under a new SSRC: its encoder was started anew.
  if (!binding.rid.empty()) {
    const auto old = std::find_if(incoming_.begin(), incoming_.end(), [&](const auto& incoming) {
      return incoming->track == &track && incoming->rid == binding.rid;
    });
    if (old != incoming_.end()) remove(**old);
  }
  makeRoom();
  auto incoming = std::make_unique<Incoming>();
  incoming->stream = std::move(stream);
  incoming->track = &track;
  incoming->rid = binding.rid;
  incoming->lastPacket = now;
  incoming->codecSince = now;
  Incoming& added = *incoming;
  incoming_.push_back(std::move(incoming));
  routes_[ssrc] = {&added, false};
  nextReport_ = std::min(nextReport_, now + firstReport);

  for (const auto& pair : track.config.ssrcs) {
    if (pair.media == ssrc && pair.rtx != 0) pairRtx(added, pair.rtx);
  }
  const auto pending = std::find_if(pendingRtx_.begin(), pendingRtx_.end(), [&](const PendingRtx& rtx) {
    return rtx.track == &track && !rtx.rid.empty() && rtx.rid == added.rid;
  });
  if (pending != pendingRtx_.end()) {
    pairRtx(added, pending->ssrc);
    pendingRtx_.erase(pending);
  }
  return &routes_[ssrc];
}

Publisher::Route* Publisher::pairRtx(Incoming& incoming, uint32_t rtxSsrc) {
  if (const uint32_t old = incoming.stream->rtxSsrc(); old != 0 && old != rtxSsrc) routes_.erase(old);
  incoming.stream->setRtxSsrc(rtxSsrc);
  return &(routes_[rtxSsrc] = {&incoming, true});
}

Publisher::Route* Publisher::bindRtx(const StreamBinder::Binding& binding, uint32_t ssrc) {
  PublishedTrack& track = *tracks_[binding.track];
  std::string_view rid = binding.rid;
  const auto known = std::find_if(pendingRtx_.begin(), pendingRtx_.end(),
                                  [&](const PendingRtx& pending) { return pending.ssrc == ssrc; });
  if (rid.empty() && known != pendingRtx_.end()) rid = known->rid;

  Incoming* only = nullptr;
  size_t count = 0;
  for (const auto& incoming : incoming_) {
    if (incoming->track != &track) continue;
    const bool byRid = !rid.empty() && incoming->rid == rid;
    const bool bySsrc = binding.repairedSsrc != 0 && incoming->stream->ssrc() == binding.repairedSsrc;
    if (byRid || bySsrc) return pairRtx(*incoming, ssrc);
    only = incoming.get();
    ++count;
  }
  // A track that is one stream has one RTX stream.
  if (rid.empty() && binding.repairedSsrc == 0 && track.config.rids.empty() && count == 1) {
    return pairRtx(*only, ssrc);
  }
  if (!rid.empty() && known == pendingRtx_.end()) {
    if (pendingRtx_.size() == maxPendingRtx) pendingRtx_.erase(pendingRtx_.begin());
    pendingRtx_.push_back({ssrc, &track, std::string(rid)});
  }
  return nullptr;
}

void Publisher::learnRid(Incoming& incoming, const rtp::RtpPacketView& packet) {
  const std::string_view rid = packet.extensionText(incoming.track->config.extensions.rid);
  if (!rid.empty()) incoming.rid = rid;
}

void Publisher::followCodec(Incoming& incoming, const rtp::RtpPacketView& packet, Timestamp now) {
  const auto track =
      std::find_if(tracks_.begin(), tracks_.end(), [&](const auto& t) { return t.get() == incoming.track; });
  bool rtx = false;
  const control::Codec* codec =
      binder_.codecOf(static_cast<size_t>(track - tracks_.begin()), packet.payloadType, rtx);
  if (codec == nullptr || rtx || now - incoming.codecSince < codecChangeInterval) return;
  auto stream = makeStream(*incoming.track, *codec, packet.ssrc);
  if (stream == nullptr) return;
  stream->setRtxSsrc(incoming.stream->rtxSsrc());
  collectStatistics(incoming);
  incoming.countedUndecodable = 0;
  incoming.countedRecovered = 0;
  incoming.stream = std::move(stream);
  incoming.codecSince = now;
  incoming.track->source.onRejected(packet.ssrc);
}

bool Publisher::mayMakeStream(Timestamp now) {
  if (now - newStreamsSince_ >= base::TimeDelta::seconds(1)) {
    newStreamsSince_ = now;
    newStreams_ = 0;
  }
  return ++newStreams_ <= maxNewStreams;
}

void Publisher::makeRoom() {
  if (incoming_.size() < maxStreams) return;
  const auto oldest = std::min_element(incoming_.begin(), incoming_.end(), [](const auto& a, const auto& b) {
    return a->lastPacket < b->lastPacket;
  });
  remove(**oldest);
}

void Publisher::remove(Incoming& incoming) {
  std::erase_if(routes_, [&](const auto& entry) { return entry.second.incoming == &incoming; });
  std::erase_if(incoming_, [&](const auto& owned) { return owned.get() == &incoming; });
}

}  // namespace sotto::room
