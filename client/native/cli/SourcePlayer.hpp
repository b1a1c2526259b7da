// Plays media sources into a call, each frame when it is due. Reads no clock and sets no timer: its owner
// does.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/mediafile/MediaSource.hpp"

namespace sotto::client::cli {

class SourcePlayer {
 public:
  using Send = std::function<call::SendResult(const call::OutgoingFrame&)>;

  explicit SourcePlayer(Send send) : send_(std::move(send)) {}

  void add(call::TrackSource source, std::unique_ptr<mediafile::MediaSource> media);
  /// Time zero of all sources.
  void start(base::Timestamp now);
  /// When `play` has something to do; plusInfinity before `start` and without sources.
  base::Timestamp nextDue() const;
  /// Sends all frames that are due. `wallClockUs`: microseconds since the Unix epoch.
  void play(base::Timestamp now, int64_t wallClockUs);
  /// The receivers' wish, handed on to the source.
  void onKeyFrameWanted(call::TrackSource source, size_t layer);
  /// Frames can be sent again: asks for key frames where frames were lost in between.
  void onConnected();
  /// Frames that did not go out, by source and reason.
  const std::map<call::TrackSource, std::map<std::string, uint64_t>>& unsent() const { return unsent_; }

 private:
  struct Track {
    call::TrackSource source;
    std::unique_ptr<mediafile::MediaSource> media;
    /// By layer: a frame was not sent, so what builds upon it is of no use until the next key frame.
    std::vector<bool> broken;
  };
  void sendNext(Track& track, int64_t wallClockUs);

  Send send_;
  std::vector<Track> tracks_;
  base::Timestamp start_ = base::Timestamp::plusInfinity();
  std::map<call::TrackSource, std::map<std::string, uint64_t>> unsent_;
};

}  // namespace sotto::client::cli
