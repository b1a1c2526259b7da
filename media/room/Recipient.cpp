#include "media/room/Recipient.hpp"

#include <algorithm>
#include <array>

#include "media/room/Transport.hpp"
#include "media/rtp/RtcpSdes.hpp"

namespace sotto::room {

using base::TimeDelta;
using base::Timestamp;
using control::MediaKind;

namespace {
/// One name for all our streams: they share our clock.
constexpr std::string_view cname = "sotto";
/// UDP/IP, RTP header with extensions, SRTP tag.
constexpr int64_t audioPacketOverhead = 70;
/// A longer round trip is a broken report.
constexpr TimeDelta maxRtt = TimeDelta::seconds(10);

/// Our wall clock in sender reports. Its origin is nobody's business, only that it runs evenly.
rtp::NtpTime ntp(Timestamp now) {
  return rtp::NtpTime::fromUnixMicros(now.us());
}

control::SlotBinding bindingOf(const std::string& mid, const PublishedTrack* track) {
  control::SlotBinding binding;
  binding.mid = mid;
  if (track != nullptr) {
    binding.participant = track->participant;
    binding.source = track->config.source;
  }
  return binding;
}

Count countOf(forward::LayerSelector::Reason reason) {
  using Reason = forward::LayerSelector::Reason;
  switch (reason) {
    case Reason::Paused:
      return Count::DroppedPaused;
    case Reason::AwaitingKeyFrame:
      return Count::DroppedAwaitingKeyFrame;
    case Reason::TemporalLayer:
      return Count::DroppedTemporalLayer;
    case Reason::OtherLayer:
    case Reason::BehindOldLayer:
    case Reason::SpatialLayer:
    case Reason::None:
      break;
  }
  return Count::DroppedLayer;
}

bool sameSlot(const control::Slot& a, const control::Slot& b) {
  return a.mid == b.mid && a.kind == b.kind && a.ssrc == b.ssrc && a.rtxSsrc == b.rtxSsrc;
}

template <typename Slots>
auto findSlot(Slots& among, const control::Slot& slot) -> typename Slots::pointer {
  const auto found =
      std::find_if(among.begin(), among.end(), [&](const auto& old) { return sameSlot(old.config, slot); });
  return found == among.end() ? nullptr : &*found;
}
}  // namespace

PublishedTrack* Recipient::VideoSlot::playing() const {
  if (bound != nullptr && subscription->playing() == &bound->source) return bound;
  return subscription->playing() == nullptr ? nullptr : before;
}

Recipient::Recipient(forward::ParticipantId self, base::Random& random, Counters& counters,
                     stream::PacketSink& packets, RtcpSink& rtcp)
    : self_(self), random_(random), counters_(counters), packets_(packets), rtcp_(rtcp) {}

Recipient::AudioSlot Recipient::makeAudioSlot(const control::Slot& slot) {
  AudioSlot made;
  made.config = slot;
  made.told.mid = slot.mid;
  made.sender = std::make_unique<forward::SlotSender>(slot, Transport::maxRtpPacket, random_);
  return made;
}

Recipient::VideoSlot Recipient::makeVideoSlot(const control::Slot& slot) {
  VideoSlot made;
  made.config = slot;
  made.wish.mid = slot.mid;
  made.told.mid = slot.mid;
  made.toldLayer.mid = slot.mid;
  made.subscription = std::make_unique<forward::Subscription>(slot, Transport::maxRtpPacket, random_);
  return made;
}

void Recipient::setSlots(const std::vector<control::Slot>& slots) {
  // What stays is moved only when all that is new has been made: an error on the way changes nothing.
  std::vector<AudioSlot> audio;
  std::vector<VideoSlot> video;
  for (const control::Slot& slot : slots) {
    if (slot.kind == MediaKind::Audio) {
      audio.push_back(findSlot(audio_, slot) == nullptr ? makeAudioSlot(slot) : AudioSlot{});
    } else {
      video.push_back(findSlot(video_, slot) == nullptr ? makeVideoSlot(slot) : VideoSlot{});
    }
  }
  auto nextAudio = audio.begin();
  auto nextVideo = video.begin();
  for (const control::Slot& slot : slots) {
    if (slot.kind == MediaKind::Audio) {
      if (AudioSlot* old = findSlot(audio_, slot)) *nextAudio = std::move(*old);
      ++nextAudio;
    } else {
      if (VideoSlot* old = findSlot(video_, slot)) *nextVideo = std::move(*old);
      ++nextVideo;
    }
  }
  audio_ = std::move(audio);
  video_ = std::move(video);

  std::vector<forward::SourceId> audioBound, videoBound;
  for (const AudioSlot& slot : audio_) {
    audioBound.push_back(slot.track == nullptr ? forward::noSource : slot.track->source.id());
  }
  for (const VideoSlot& slot : video_) {
    videoBound.push_back(slot.bound == nullptr ? forward::noSource : slot.bound->source.id());
  }
  audioSlots_.reset(std::move(audioBound));
  videoSlots_.reset(std::move(videoBound));
  demands_.resize(video_.size());
  grants_.resize(video_.size());
}

std::string Recipient::setWishes(const std::vector<control::SlotWish>& wishes) {
  for (const control::SlotWish& wish : wishes) {
    const bool known = std::any_of(video_.begin(), video_.end(),
                                   [&](const VideoSlot& slot) { return slot.config.mid == wish.mid; });
    if (!known) return "no video slot has the mid '" + wish.mid + "'";
  }
  for (VideoSlot& slot : video_) {
    slot.wish = control::SlotWish{};
    slot.wish.mid = slot.config.mid;
    for (const control::SlotWish& wish : wishes) {
      if (wish.mid == slot.config.mid) slot.wish = wish;
    }
  }
  return {};
}

void Recipient::setRateCap(std::optional<uint64_t> bitsPerSecond) {
  rateCap_.reset();
  if (!bitsPerSecond) return;
  // Beyond any link: the same as no cap, and safe to compute with.
  constexpr uint64_t most = 1'000'000'000'000;
  rateCap_ = base::DataRate::bitsPerSecond(static_cast<int64_t>(std::min(*bitsPerSecond, most)));
}

void Recipient::setReady(bool ready) {
  ready_ = ready;
}

void Recipient::assignAudio(std::span<const forward::SourceId> wanted,
                            std::span<const forward::SourceId> urgent, size_t limit, TrackDirectory& tracks) {
  if (!audioSlots_.assign(wanted, urgent, limit)) return;
  for (size_t i = 0; i < audio_.size(); ++i) {
    const forward::SourceId id = audioSlots_.bound()[i];
    audio_[i].track = id == forward::noSource ? nullptr : tracks.findTrack(id);
  }
}

void Recipient::assignVideo(TrackDirectory& tracks, Timestamp now) {
  using Mode = forward::VideoSlots::Mode;
  for (size_t i = 0; i < video_.size(); ++i) {
    const control::SlotWish& wish = video_[i].wish;
    forward::VideoSlots::Wish resolved;
    if (wish.mode == control::SlotWish::Mode::Auto) {
      resolved.mode = Mode::Auto;
    } else if (wish.mode == control::SlotWish::Mode::Participant) {
      resolved.mode = Mode::Named;
      const PublishedTrack* track = tracks.findTrack(wish.participant, wish.source);
      if (track != nullptr && track->isVideo()) resolved.named = track->source.id();
    }
    videoSlots_.wish(i) = resolved;
  }
  videoSlots_.assign(tracks.videoCandidates(self_));
  for (size_t i = 0; i < video_.size(); ++i) {
    VideoSlot& slot = video_[i];
    const forward::SourceId id = videoSlots_.bound()[i];
    PublishedTrack* track = id == forward::noSource ? nullptr : tracks.findTrack(id);
    if (track == slot.bound) continue;
    slot.before = slot.playing();
    slot.bound = track;
    slot.subscription->bind(track == nullptr ? nullptr : &track->source, now);
  }
}

void Recipient::onTrackGone(const PublishedTrack& track) {
  for (AudioSlot& slot : audio_) {
    if (slot.track == &track) slot.track = nullptr;
  }
  for (VideoSlot& slot : video_) {
    slot.subscription->onSourceGone(&track.source);
    if (slot.bound == &track) slot.bound = nullptr;
    if (slot.before == &track) slot.before = nullptr;
  }
}

void Recipient::takeBindingChanges(std::vector<control::SlotBinding>& out) {
  auto tell = [&](control::SlotBinding& told, control::SlotBinding current) {
    if (told == current) return;
    told = std::move(current);
    out.push_back(told);
  };
  for (AudioSlot& slot : audio_) tell(slot.told, bindingOf(slot.config.mid, slot.track));
  for (VideoSlot& slot : video_) tell(slot.told, bindingOf(slot.config.mid, slot.playing()));
}

void Recipient::addWatchers() {
  for (VideoSlot& slot : video_) {
    if (slot.bound != nullptr) slot.bound->watchers.push_back({slot.subscription.get(), this});
    const bool both = slot.before != nullptr && slot.before != slot.bound &&
                      slot.subscription->playing() == &slot.before->source;
    if (both) slot.before->watchers.push_back({slot.subscription.get(), this});
  }
}

void Recipient::sendAudio(const PublishedTrack& track, const frame::FrameRef& frame,
                          std::optional<rtp::NtpTime> captured, Timestamp now) {
  if (!ready_) return;
  for (AudioSlot& slot : audio_) {
    if (slot.track != &track) continue;
    if (!slot.sender->takes(frame->codec)) {
      counters_.add(Count::DroppedNoCodec);
      return;
    }
    forward::ArrivedFrame arrived;
    arrived.frame = frame;
    arrived.captured = captured;
    if (slot.sender->stream().statistics().frames == 0)
      nextReport_ = std::min(nextReport_, now + firstReport);
    const bool switched = slot.lastSent != track.source.id();
    slot.lastSent = track.source.id();
    slot.sender->send(arrived, {track.publisher, switched, true}, now, packets_);
    audioRate_.add(base::DataSize::bytes(static_cast<int64_t>(frame->payload().size()) + audioPacketOverhead),
                   now);
    counters_.add(Count::FramesForwarded);
    return;
  }
}

bool Recipient::sendVideo(forward::Subscription& subscription, PublishedTrack& track,
                          const forward::ArrivedFrame& arrived, Timestamp now) {
  if (!ready_) return false;
  if (!subscription.sender().takes(arrived.frame->codec)) {
    counters_.add(Count::DroppedNoCodec);
    return false;
  }
  const uint64_t sentBefore = subscription.sender().stream().statistics().frames;
  const forward::Source* playedBefore = subscription.playing();
  const auto decision = subscription.onFrame(arrived, track.source, track.publisher, now, packets_);
  if (!decision.forwards()) {
    counters_.add(countOf(decision.reason));
    return false;
  }
  counters_.add(Count::FramesForwarded, subscription.sender().stream().statistics().frames - sentBefore);
  if (decision.verdict == forward::LayerSelector::Verdict::Switch) counters_.add(Count::LayerSwitches);
  if (sentBefore == 0) nextReport_ = std::min(nextReport_, now + firstReport);
  return subscription.playing() != playedBefore;
}

forward::SlotSender* Recipient::senderOf(uint32_t ssrc) {
  for (AudioSlot& slot : audio_) {
    if (slot.config.ssrc == ssrc) return slot.sender.get();
  }
  for (VideoSlot& slot : video_) {
    if (slot.config.ssrc == ssrc) return &slot.subscription->sender();
  }
  return nullptr;
}

void Recipient::onReportBlock(const rtp::ReportBlock& block, Timestamp now) {
  forward::SlotSender* sender = senderOf(block.ssrc);
  if (sender == nullptr) return;
  sender->stream().onReceiverReport();
  const auto sample = rtp::roundTripTime(block, ntp(now));
  if (!sample || *sample > maxRtt) return;
  // The smoothing of RFC 6298 section 2.3.
  rtt_ = rtt_ ? *rtt_ + (*sample - *rtt_) / 8 : *sample;
}

void Recipient::onNack(const rtp::NackView& nack, Timestamp now) {
  forward::SlotSender* sender = senderOf(nack.mediaSsrc);
  if (sender == nullptr) return;
  const TimeDelta minAge = stream::SendStream::minCopyAge(rtt_.value_or(defaultRtt));
  nack.forEach([&](uint16_t sequence) {
    counters_.add(Count::NacksReceived);
    sender->stream().onNack(sequence, now, minAge, packets_);
  });
}

void Recipient::onKeyFrameRequest(uint32_t ssrc, Timestamp now) {
  counters_.add(Count::KeyFrameRequestsReceived);
  for (VideoSlot& slot : video_) {
    if (slot.config.ssrc != ssrc) continue;
    PublishedTrack* track = slot.playing();
    if (track == nullptr || track->muted) return;
    const forward::LayerIndex current = slot.subscription->playingLayer();
    if (current == forward::noLayer) return;
    track->source.keyFrames().want(track->source.layer(current).ssrc, now);
    return;
  }
}

void Recipient::onTime(Timestamp now) {
  if (nextReport_ > now) return;
  nextReport_ = now + reportInterval;
  if (ready_) sendReports(now);
}

void Recipient::sendReports(Timestamp now) {
  std::array<uint8_t, maxRtcpSize> buffer;
  size_t used = 0;
  auto flush = [&] {
    if (used != 0) rtcp_.sendRtcp(base::ByteView(buffer).first(used));
    used = 0;
  };
  auto report = [&](const stream::SendStream& stream) {
    const auto senderReport = stream.senderReport(ntp(now), now);
    if (!senderReport) return;
    constexpr size_t oneReport = 28 + 20;
    if (used + oneReport > buffer.size()) flush();
    used += rtp::writeSenderReport(*senderReport, {}, base::MutableByteView(buffer).subspan(used));
    used += rtp::writeSdesCname(stream.ssrc(), cname, base::MutableByteView(buffer).subspan(used));
  };
  for (const AudioSlot& slot : audio_) report(slot.sender->stream());
  for (const VideoSlot& slot : video_) report(slot.subscription->sender().stream());
  flush();
}

}  // namespace sotto::room
