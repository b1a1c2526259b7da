// Playing media sources; see the header.
#include "client/native/cli/SourcePlayer.hpp"

#include <algorithm>

namespace sotto::client::cli {
namespace {

// Later than this (a suspended machine) the sources go on from now instead of sending everything at once.
constexpr base::TimeDelta maxLateness = base::TimeDelta::seconds(1);

}  // namespace

void SourcePlayer::add(call::TrackSource source, std::unique_ptr<mediafile::MediaSource> media) {
  const size_t layers = std::max<size_t>(1, media->layers().size());
  tracks_.push_back({source, std::move(media), std::vector<bool>(layers, false)});
}

void SourcePlayer::start(base::Timestamp now) {
  start_ = now;
}

base::Timestamp SourcePlayer::nextDue() const {
  base::Timestamp due = base::Timestamp::plusInfinity();
  if (start_ == base::Timestamp::plusInfinity()) return due;
  for (const Track& track : tracks_) due = std::min(due, start_ + track.media->nextDue());
  return due;
}

void SourcePlayer::play(base::Timestamp now, int64_t wallClockUs) {
  const base::Timestamp due = nextDue();
  if (due == base::Timestamp::plusInfinity()) return;
  if (now - due > maxLateness) start_ = start_ + (now - due);
  for (Track& track : tracks_) {
    while (start_ + track.media->nextDue() <= now) sendNext(track, wallClockUs);
  }
}

void SourcePlayer::sendNext(Track& track, int64_t wallClockUs) {
  const mediafile::SourceFrame frame = track.media->next(wallClockUs);
  const bool video = track.media->codec() != frame::CodecType::Opus;
  if (video && track.broken[frame.layer] && !frame.keyFrame) {
    ++unsent_[track.source]["waiting for a key frame"];
    return;
  }
  call::OutgoingFrame out;
  out.source = track.source;
  out.layer = frame.layer;
  out.data = frame.payload;
  out.keyFrame = frame.keyFrame;
  out.discardable = frame.discardable;
  out.temporalIndex = frame.temporalIndex;
  out.temporalSwitchingPoint = frame.temporalSwitchingPoint;
  out.width = frame.width;
  out.height = frame.height;
  out.captureTime = start_ + frame.due;
  out.audioLevel = frame.audioLevel;
  const call::SendResult result = send_(out);
  track.broken[frame.layer] = result != call::SendResult::Sent;
  if (result != call::SendResult::Sent) ++unsent_[track.source][toString(result)];
}

void SourcePlayer::onKeyFrameWanted(call::TrackSource source, size_t layer) {
  for (Track& track : tracks_) {
    if (track.source == source) track.media->requestKeyFrame(layer);
  }
}

void SourcePlayer::onConnected() {
  for (Track& track : tracks_) {
    for (size_t layer = 0; layer < track.broken.size(); ++layer) {
      if (track.broken[layer]) track.media->requestKeyFrame(layer);
    }
  }
}

}  // namespace sotto::client::cli
