#include "client/native/call/LocalTracks.hpp"

#include <algorithm>

#include "client/native/e2ee/ClearPrefix.hpp"

namespace sotto::client::call {

LocalTracks::LocalTracks(const CallOptions& options, e2ee::FrameSealer* sealer) : sealer_(sealer) {
  if (options.microphone) tracks_.push_back({});
  if (options.camera) tracks_.push_back(videoTrack(TrackSource::Camera, *options.camera));
  if (options.screen) tracks_.push_back(videoTrack(TrackSource::Screen, *options.screen));
}

LocalTracks::Track LocalTracks::videoTrack(TrackSource source, const VideoTrack& settings) {
  Track track;
  track.source = source;
  track.codec = settings.codec;
  track.layers = settings.layers;
  for (const VideoLayer& layer : settings.layers) {
    const auto smaller =
        std::count_if(settings.layers.begin(), settings.layers.end(), [&](const VideoLayer& other) {
          return uint32_t{other.width} * other.height < uint32_t{layer.width} * layer.height;
        });
    track.ranks.push_back(static_cast<uint8_t>(std::min<std::ptrdiff_t>(smaller, 7)));
  }
  return track;
}

LocalTracks::Track* LocalTracks::find(TrackSource source) {
  const auto found = std::find_if(tracks_.begin(), tracks_.end(),
                                  [&](const Track& track) { return track.source == source; });
  return found == tracks_.end() ? nullptr : &*found;
}

void LocalTracks::addLine(Track& track, rtc::PeerConnection& connection) {
  rtc::TrackSettings settings;
  settings.kind = track.layers.empty() ? control::MediaKind::Audio : control::MediaKind::Video;
  settings.codec = track.codec;
  for (const VideoLayer& layer : track.layers) settings.rids.push_back(layer.rid);
  track.mid = connection.addTrack(std::move(settings));
  track.keyFrames.assign(track.layers.size(), 0);
}

void LocalTracks::addTo(rtc::PeerConnection& connection) {
  for (Track& track : tracks_) addLine(track, connection);
}

void LocalTracks::setScreen(std::optional<VideoTrack> screen, rtc::PeerConnection* connection) {
  if (Track* old = find(TrackSource::Screen); old != nullptr) {
    if (connection != nullptr) connection->removeTrack(old->mid);
    tracks_.erase(tracks_.begin() + (old - tracks_.data()));
  }
  if (!screen) return;
  tracks_.push_back(videoTrack(TrackSource::Screen, *screen));
  if (connection != nullptr) addLine(tracks_.back(), *connection);
}

void LocalTracks::setMuted(TrackSource source, bool muted) {
  if (Track* track = find(source); track != nullptr) track->muted = muted;
}

std::vector<OfferRequest::Track> LocalTracks::offered() const {
  std::vector<OfferRequest::Track> offered;
  for (const Track& track : tracks_) offered.push_back({track.mid, track.source, track.muted});
  return offered;
}

std::optional<frame::FrameMetadata> LocalTracks::describe(const Track& track, const OutgoingFrame& frame) {
  frame::FrameMetadata metadata;
  metadata.discardable = frame.discardable;
  if (track.layers.empty()) {
    if (frame.layer != 0) return std::nullopt;
    // Every Opus packet decodes by itself, and nothing depends on it.
    metadata.discardable = true;
    return metadata;
  }
  if (frame.layer >= track.layers.size()) return std::nullopt;
  metadata.video = true;
  metadata.keyFrame = frame.keyFrame;
  metadata.temporalIndex = frame.temporalIndex;
  metadata.temporalSwitchingPoint = frame.temporalSwitchingPoint;
  metadata.spatialIndex = track.ranks[frame.layer];
  if (frame.keyFrame) {
    metadata.width = frame.width;
    metadata.height = frame.height;
  }
  return metadata;
}

SendResult LocalTracks::send(const OutgoingFrame& frame, rtc::PeerConnection& connection,
                             base::Timestamp now) {
  Track* track = find(frame.source);
  if (track == nullptr) return SendResult::NoTrack;
  if (track->muted) return SendResult::Muted;
  auto metadata = describe(*track, frame);
  if (!metadata) return SendResult::NoTrack;
  rtc::FrameToSend out;
  out.data = frame.data;
  out.captureTime = frame.captureTime;
  out.audioLevel = frame.audioLevel;
  if (sealer_ != nullptr) {
    metadata->clearLength = e2ee::clearPrefixLength(track->codec, frame.keyFrame, frame.data.size());
    sealedFrame_.clear();
    const auto size = sealer_->seal(frame.data, *metadata, sealedFrame_);
    if (!size) return SendResult::NoKey;
    if (*size == 0) return SendResult::Sent;
    out.data = sealedFrame_;
  }
  out.metadata = *metadata;
  if (!connection.sendFrame(track->mid, frame.layer, out, now)) return SendResult::NotConnected;
  if (frame.keyFrame && frame.layer < track->keyFrames.size()) ++track->keyFrames[frame.layer];
  return SendResult::Sent;
}

std::optional<LocalTracks::Layer> LocalTracks::find(const std::string& mid, size_t layer) const {
  for (const Track& track : tracks_) {
    if (track.mid == mid) return Layer{track.source, layer};
  }
  return std::nullopt;
}

std::vector<LocalTracks::Layer> LocalTracks::videoLayers() const {
  std::vector<Layer> layers;
  for (const Track& track : tracks_) {
    for (size_t index = 0; index < track.layers.size(); ++index) layers.push_back({track.source, index});
  }
  return layers;
}

std::vector<LocalLayerStatistics> LocalTracks::statistics(const rtc::ConnectionStatistics& connection) const {
  std::vector<LocalLayerStatistics> layers;
  for (const rtc::LayerStatistics& layer : connection.layers) {
    const auto track = std::find_if(tracks_.begin(), tracks_.end(),
                                    [&layer](const Track& candidate) { return candidate.mid == layer.mid; });
    if (track == tracks_.end()) continue;
    LocalLayerStatistics statistics;
    statistics.source = track->source;
    statistics.rid = layer.rid;
    for (size_t i = 0; i < track->keyFrames.size(); ++i) {
      // Without simulcast there is one layer, and its name is not on the wire.
      if (layer.rid.empty() || track->layers[i].rid == layer.rid) statistics.keyFrames += track->keyFrames[i];
    }
    statistics.frames = layer.frames;
    statistics.packets = layer.packets;
    statistics.bytes = layer.bytes;
    statistics.retransmitted = layer.retransmitted;
    statistics.keyFrameRequests = layer.keyFrameRequests;
    layers.push_back(statistics);
  }
  return layers;
}

}  // namespace sotto::client::call
