// What we publish: sources and the m-lines they go out on, mute, and the sealer that every frame passes.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/call/SignalingMessages.hpp"
#include "client/native/e2ee/KeyProvider.hpp"
#include "client/native/rtc/PeerConnection.hpp"

namespace sotto::client::call {

class LocalTracks {
 public:
  /// `sealer` null: a room without end-to-end encryption, where frames go out as they are. It must outlive
  /// this.
  LocalTracks(const CallOptions& options, e2ee::FrameSealer* sealer);

  /// From here on frames go out as they are.
  void withoutSealer() { sealer_ = nullptr; }

  // ---- tracks
  void setScreen(std::optional<VideoTrack> screen, rtc::PeerConnection* connection);
  void setMuted(TrackSource source, bool muted);
  /// Adds an m-line to a new connection for every track.
  void addTo(rtc::PeerConnection& connection);
  std::vector<OfferRequest::Track> offered() const;

  // ---- frames
  SendResult send(const OutgoingFrame& frame, rtc::PeerConnection& connection, base::Timestamp now);
  struct Layer {
    TrackSource source = TrackSource::Camera;
    size_t index = 0;
  };
  /// Which of our layers an m-line's layer is.
  std::optional<Layer> find(const std::string& mid, size_t layer) const;
  /// Every layer of every video track.
  std::vector<Layer> videoLayers() const;
  /// What went out over this connection.
  std::vector<LocalLayerStatistics> statistics(const rtc::ConnectionStatistics& connection) const;

 private:
  struct Track {
    TrackSource source = TrackSource::Microphone;
    frame::CodecType codec = frame::CodecType::Opus;
    std::vector<VideoLayer> layers;  ///< empty: audio
    std::vector<uint8_t> ranks;      ///< spatial index of each layer: 0 for the smallest
    bool muted = false;
    std::string mid;                  ///< in the present connection
    std::vector<uint64_t> keyFrames;  ///< sent over the present connection, by layer
  };
  static Track videoTrack(TrackSource source, const VideoTrack& settings);
  Track* find(TrackSource source);
  static void addLine(Track& track, rtc::PeerConnection& connection);
  static std::optional<frame::FrameMetadata> describe(const Track& track, const OutgoingFrame& frame);

  std::vector<Track> tracks_;
  e2ee::FrameSealer* sealer_;  ///< null: frames go out as they are
  std::vector<uint8_t> sealedFrame_;
};

}  // namespace sotto::client::call
