// A room: its endpoints, and the way of every frame from its publisher to whoever is to get it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "media/control/Messages.hpp"
#include "media/forward/SpeakerRanking.hpp"
#include "media/room/Endpoint.hpp"
#include "media/room/MediaCore.hpp"

namespace sotto::room {

class Room final : public PublisherListener, public EndpointListener, public TrackDirectory {
 public:
  /// Pace of what is not urgent: handovers, repairs, speaker and layer reports.
  static constexpr base::TimeDelta tickInterval = base::TimeDelta::millis(100);
  /// Layers are chosen anew on every such tick, and at once when something changes.
  static constexpr int ticksPerAllocation = 2;
  /// Speakers are told no more often.
  static constexpr base::TimeDelta speakersInterval = base::TimeDelta::millis(200);

  Room(const control::CreateRoom& settings, Resources& resources, EventSink& events, base::Timestamp now);
  ~Room() override;
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  const std::string& name() const { return settings_.room; }
  const std::vector<std::unique_ptr<Endpoint>>& endpoints() const { return endpoints_; }
  Endpoint* find(std::string_view endpoint);

  /// `parameters` must name an endpoint that is not there yet.
  Endpoint& add(const control::EndpointParameters& parameters, base::Timestamp now);
  void update(Endpoint& endpoint, const control::EndpointParameters& parameters, base::Timestamp now);
  void remove(Endpoint& endpoint, base::Timestamp now);
  /// Empty, or a sentence that says what was wrong.
  std::string setWishes(Endpoint& endpoint, const std::vector<control::SlotWish>& wishes,
                        base::Timestamp now);
  void setRateCap(Endpoint& endpoint, std::optional<uint64_t> bitsPerSecond, base::Timestamp now);
  std::string setMuted(Endpoint& endpoint, std::string_view mid, bool muted, base::Timestamp now);

  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  forward::SourceId newSourceId() override { return ++lastSource_; }
  void onTrackAdded(PublishedTrack& track, base::Timestamp now) override;
  void onTrackGone(PublishedTrack& track, base::Timestamp now) override;
  void onFrame(PublishedTrack& track, const frame::FrameRef& frame, std::optional<rtp::NtpTime> captured,
               base::Timestamp now) override;
  void onEndpointState(Endpoint& endpoint, control::EndpointState state, const std::string& reason,
                       base::Timestamp now) override;
  void onDataMessage(Endpoint& endpoint, base::ByteView message, bool lossy, base::Timestamp now) override;
  void onDataChannel(Endpoint& endpoint, bool open, const std::string& reason) override;

  PublishedTrack* findTrack(std::string_view participant, control::TrackSource source) override;
  PublishedTrack* findTrack(forward::SourceId id) override;
  std::span<const forward::SourceId> videoCandidates(forward::ParticipantId self) override;

 private:
  void onAudio(PublishedTrack& track, const frame::FrameRef& frame, std::optional<rtp::NtpTime> captured,
               base::Timestamp now);
  void onVideo(PublishedTrack& track, const frame::FrameRef& frame, std::optional<rtp::NtpTime> captured,
               base::Timestamp now);
  void assignAudio(base::Timestamp now);
  void assignVideo(base::Timestamp now);
  /// After anything that may change who plays where: assigns, chooses layers, asks for key frames, tells.
  void reassign(base::Timestamp now);
  void rebuildWatchers();
  void tick(base::Timestamp now);
  void tellBindings();
  void tellSpeakers(base::Timestamp now);
  void tellLayers(base::Timestamp now);
  Endpoint* endpointOf(forward::ParticipantId id);

  control::CreateRoom settings_;
  Resources& resources_;
  EventSink& events_;
  forward::SpeakerRanking speakers_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::unordered_map<forward::SourceId, PublishedTrack*> tracks_;
  forward::SourceId lastSource_ = 0;
  forward::ParticipantId lastParticipant_ = 0;
  std::vector<forward::SourceId> scratch_;
  uint64_t assignedAudio_ = 0;   ///< revision of speakers_
  uint64_t assignedLatest_ = 0;  ///< revision of speakers_
  std::vector<std::string> toldSpeakers_;
  base::Timestamp toldSpeakersAt_ = base::Timestamp::minusInfinity();
  base::Timestamp nextTick_;
  int ticks_ = 0;
};

}  // namespace sotto::room
