#include "media/room/Publisher.hpp"

#include <algorithm>
#include <array>

#include "media/rtp/HeaderExtensions.hpp"
#include "media/rtp/RtcpKeyFrameRequest.hpp"
#include "media/rtp/RtcpNack.hpp"

namespace sotto::room {

using base::TimeDelta;
using base::Timestamp;

namespace {

/// A frame too short for any trailer, or that ends in another version byte, has none at all.
Count countOf(frame::MetadataError error) {
  return error == frame::MetadataError::TooShort || error == frame::MetadataError::Version
             ? Count::DroppedNoTrailer
             : Count::DroppedBadTrailer;
}

}  // namespace

Publisher::Publisher(const Identity& identity, frame::FramePool& frames, Counters& counters, RtcpSink& rtcp,
                     PublisherListener& listener)
    : identity_(identity), frames_(frames), counters_(counters), rtcp_(rtcp), listener_(listener) {}

Publisher::~Publisher() = default;

PublishedTrack* Publisher::trackOf(std::string_view mid) {
  const auto found = std::find_if(tracks_.begin(), tracks_.end(),
                                  [&](const auto& track) { return track->config.mid == mid; });
  return found == tracks_.end() ? nullptr : found->get();
}

PublishedTrack* Publisher::trackOf(control::TrackSource source) {
  const auto found = std::find_if(tracks_.begin(), tracks_.end(),
                                  [&](const auto& track) { return track->config.source == source; });
  return found == tracks_.end() ? nullptr : found->get();
}

void Publisher::setTracks(const std::vector<control::Track>& tracks, Timestamp now) {
  for (size_t i = 0; i < tracks_.size();) {
    const PublishedTrack& old = *tracks_[i];
    const bool stays = std::any_of(tracks.begin(), tracks.end(), [&](const control::Track& track) {
      return track.mid == old.config.mid && track.kind == old.config.kind &&
             track.source == old.config.source;
    });
    if (stays) {
      ++i;
      continue;
    }
    for (size_t k = 0; k < incoming_.size();) {
      if (incoming_[k]->track == &old) {
        remove(*incoming_[k]);
      } else {
        ++k;
      }
    }
    std::erase_if(pendingRtx_, [&](const PendingRtx& pending) { return pending.track == &old; });
    listener_.onTrackGone(*tracks_[i], now);
    tracks_.erase(tracks_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  std::vector<std::unique_ptr<PublishedTrack>> ordered;
  std::vector<PublishedTrack*> added;
  for (const control::Track& track : tracks) {
    auto old = std::find_if(tracks_.begin(), tracks_.end(),
                            [&](const auto& t) { return t != nullptr && t->config.mid == track.mid; });
    if (old != tracks_.end()) {
      (*old)->config = track;
      ordered.push_back(std::move(*old));
    } else {
      ordered.push_back(std::make_unique<PublishedTrack>(track, listener_.newSourceId(),
                                                         identity_.participant, identity_.name));
      if (rtt_ > TimeDelta::zero()) ordered.back()->source.keyFrames().setRoundTrip(rtt_);
      added.push_back(ordered.back().get());
    }
    ordered.back()->muted = track.muted;
  }
  tracks_ = std::move(ordered);
  binder_.setTracks(tracks);
  for (PublishedTrack* track : added) listener_.onTrackAdded(*track, now);
}

void Publisher::onRtp(const base::PacketRef& packet, Timestamp now) {
  const auto view = rtp::RtpPacketView::parse(packet.view());
  if (!view) {
    counters_.add(Count::RejectedMalformed);
    return;
  }
  Route* found = route(*view, now);
  noteFeedback(*view, found, packet.arrival(), now);
  if (found == nullptr) {
    counters_.add(Count::RejectedUnboundStream);
    return;
  }
  Incoming& incoming = *found->incoming;
  incoming.lastPacket = now;
  if (!found->rtx && view->payloadType != incoming.stream->options().payloadType) {
    followCodec(incoming, *view, now);
  }
  const bool fresh = incoming.stream->onPacket(packet, *view, now);
  if (fresh && incoming.track->isVideo()) noteVideo(incoming, now);
  drain(incoming, now);
}

void Publisher::noteVideo(Incoming& incoming, Timestamp now) {
  forward::Source& source = incoming.track->source;
  const uint32_t ssrc = incoming.stream->ssrc();
  source.onPacket(ssrc, now);
  if (const int64_t start = incoming.stream->newestKeyStart(); start != incoming.keyStart) {
    incoming.keyStart = start;
    source.keyFrames().onKeyFrameBegun(ssrc, now);
  }
}

void Publisher::noteFeedback(const rtp::RtpPacketView& packet, const Route* route, Timestamp arrival,
                             Timestamp now) {
  uint8_t id = 0;
  if (route != nullptr) {
    id = route->incoming->track->config.extensions.transportCc;
  } else if (!tracks_.empty()) {
    id = tracks_.front()->config.extensions.transportCc;
  }
  const auto value = packet.extension(id);
  if (!value) return;
  const auto sequence = rtp::parseTransportSequence(*value);
  if (sequence) feedback_.onPacket(*sequence, packet.ssrc, packet.packet().size(), arrival, now);
}

void Publisher::onSenderReport(const rtp::SenderReport& report, Timestamp now) {
  const auto found = routes_.find(report.ssrc);
  if (found != routes_.end() && !found->second.rtx)
    found->second.incoming->stream->onSenderReport(report, now);
}

void Publisher::setRtt(TimeDelta rtt) {
  rtt_ = rtt;
  for (const auto& incoming : incoming_) incoming->stream->setRtt(rtt);
  for (const auto& track : tracks_) track->source.keyFrames().setRoundTrip(rtt);
}

void Publisher::drain(Incoming& incoming, Timestamp now) {
  while (auto assembled = incoming.stream->nextFrame(now)) {
    counters_.add(Count::FramesReceived);
    if (!admit(incoming, *assembled)) continue;
    listener_.onFrame(*incoming.track, assembled->frame,
                      incoming.stream->clock().toNtp(assembled->frame->rtpTimestamp), now);
  }
  repair(incoming, now);
}

/// The one gate between what arrives and what may be forwarded.
bool Publisher::admit(Incoming& incoming, const frame::AssembledFrame& assembled) {
  PublishedTrack& track = *incoming.track;
  const frame::Frame& frame = *assembled.frame;
  std::optional<Count> reason;
  if (assembled.error) {
    reason = countOf(*assembled.error);
  } else if (identity_.e2ee == control::E2eePolicy::Required && !frame.sealed) {
    reason = Count::DroppedNoTrailer;
  } else if (frame.sealed && frame.metadata.sender() != identity_.sender) {
    reason = Count::DroppedForeignSender;
  } else if (track.muted) {
    reason = Count::DroppedMuted;
  }
  if (!reason) return true;
  counters_.add(*reason);
  if (track.isVideo()) track.source.onRejected(frame.ssrc);
  return false;
}

void Publisher::repair(Timestamp now) {
  for (const auto& incoming : incoming_) repair(*incoming, now);
}

void Publisher::repair(Incoming& incoming, Timestamp now) {
  if (!incoming.stream->needKeyFrame()) return;
  PublishedTrack& track = *incoming.track;
  if (!track.isVideo() || track.muted || track.watchers.empty()) return;
  if (now - incoming.lastPacket > forward::Source::layerTimeout) return;
  const uint32_t ssrc = incoming.stream->ssrc();
  using Need = forward::KeyFrameRequests::Need;
  const bool watched = std::any_of(track.watchers.begin(), track.watchers.end(),
                                   [&](const auto& watcher) { return watcher.subscription->uses(ssrc); });
  if (watched || !track.source.knows(ssrc))
    track.source.keyFrames().want(ssrc, now, watched ? Need::Picture : Need::Knowledge);
}

void Publisher::onTime(Timestamp now) {
  for (const auto& incoming : incoming_) {
    if (incoming->stream->nextDeadline() > now) continue;
    drain(*incoming, now);
    sendNacks(*incoming, now);
  }
  if (nextReport_ <= now) sendReports(now);
  if (feedback_.nextDeadline() <= now) sendFeedback(now);
  sendKeyFrameRequests(now);
}

Timestamp Publisher::nextDeadline() const {
  Timestamp due = std::min(nextReport_, feedback_.nextDeadline());
  for (const auto& incoming : incoming_) due = std::min(due, incoming->stream->nextDeadline());
  for (const auto& track : tracks_) due = std::min(due, track->source.keyFrames().nextDeadline());
  return due;
}

void Publisher::sendNacks(Incoming& incoming, Timestamp now) {
  const auto missing = incoming.stream->collectNacks(now);
  if (missing.empty()) return;
  std::array<uint8_t, maxRtcpSize> buffer;
  const size_t size = rtp::writeNack(identity_.rtcpSsrc, incoming.stream->ssrc(), missing, buffer);
  if (size == 0) return;
  rtcp_.sendRtcp(base::ByteView(buffer).first(size));
  counters_.add(Count::NacksSent, missing.size());
}

void Publisher::sendFeedback(Timestamp now) {
  std::array<uint8_t, maxRtcpSize> buffer;
  while (const size_t size = feedback_.write(identity_.rtcpSsrc, now, buffer)) {
    rtcp_.sendRtcp(base::ByteView(buffer).first(size));
    counters_.add(Count::FeedbackSent);
  }
}

void Publisher::sendKeyFrameRequests(Timestamp now) {
  for (const auto& track : tracks_) {
    if (!track->isVideo()) continue;
    while (const uint32_t ssrc = track->source.keyFrames().next(now)) {
      std::array<uint8_t, 16> buffer;
      const size_t size = rtp::writePli({identity_.rtcpSsrc, ssrc}, buffer);
      rtcp_.sendRtcp(base::ByteView(buffer).first(size));
      counters_.add(Count::KeyFrameRequestsSent);
    }
  }
}

void Publisher::collectStatistics(Incoming& incoming) {
  const uint64_t undecodable = incoming.stream->assemblerStatistics().undecodable;
  const uint64_t recovered = incoming.stream->statistics().recoveredPackets;
  counters_.add(Count::UndecodableFrames, undecodable - incoming.countedUndecodable);
  counters_.add(Count::RecoveredPackets, recovered - incoming.countedRecovered);
  incoming.countedUndecodable = undecodable;
  incoming.countedRecovered = recovered;
}

void Publisher::sendReports(Timestamp now) {
  nextReport_ = incoming_.empty() ? Timestamp::plusInfinity() : now + reportInterval;
  std::array<rtp::ReportBlock, rtp::maxReportBlocks> blocks;
  size_t count = 0;
  for (const auto& incoming : incoming_) {
    collectStatistics(*incoming);
    if (count == blocks.size()) continue;
    if (const auto block = incoming->stream->reportBlock(now)) blocks[count++] = *block;
  }
  std::array<uint8_t, maxRtcpSize> buffer;
  const size_t size = rtp::writeReceiverReport(identity_.rtcpSsrc, std::span(blocks).first(count), buffer);
  if (size != 0) rtcp_.sendRtcp(base::ByteView(buffer).first(size));
}

}  // namespace sotto::room
