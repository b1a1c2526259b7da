#include "media/room/Room.hpp"

#include <algorithm>

#include "media/room/DataForwarder.hpp"

namespace sotto::room {

using base::Timestamp;
using control::EndpointState;

Room::Room(const control::CreateRoom& settings, Resources& resources, EventSink& events, Timestamp now)
    : settings_(settings),
      resources_(resources),
      events_(events),
      // One more than each is sent, since nobody gets their own voice.
      speakers_(size_t{settings.audioSpeakers} + 1),
      nextTick_(now + tickInterval) {}

Room::~Room() {
  for (const auto& endpoint : endpoints_) endpoint->transport().close();
}

Endpoint* Room::find(std::string_view endpoint) {
  const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                  [&](const auto& candidate) { return candidate->name() == endpoint; });
  return found == endpoints_.end() ? nullptr : found->get();
}

Endpoint* Room::endpointOf(forward::ParticipantId id) {
  const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                  [&](const auto& candidate) { return candidate->id() == id; });
  return found == endpoints_.end() ? nullptr : found->get();
}

Endpoint& Room::add(const control::EndpointParameters& parameters, Timestamp now) {
  endpoints_.push_back(std::make_unique<Endpoint>(parameters, ++lastParticipant_, settings_.e2ee, resources_,
                                                  *this, *this, now));
  reassign(now);
  return *endpoints_.back();
}

void Room::update(Endpoint& endpoint, const control::EndpointParameters& parameters, Timestamp now) {
  endpoint.update(parameters, now);
  rebuildWatchers();
  for (const auto& track : endpoint.publisher().tracks())
    speakers_.setMuted(track->source.id(), track->muted);
  reassign(now);
}

void Room::remove(Endpoint& endpoint, Timestamp now) {
  // Its subscriptions go with it: nobody's track may point at them any longer.
  for (const auto& [id, track] : tracks_) {
    std::erase_if(track->watchers,
                  [&](const auto& watcher) { return watcher.recipient == &endpoint.recipient(); });
  }
  endpoint.publisher().setTracks({}, now);
  endpoint.transport().close();
  std::erase_if(endpoints_, [&](const auto& owned) { return owned.get() == &endpoint; });
  reassign(now);
}

std::string Room::setWishes(Endpoint& endpoint, const std::vector<control::SlotWish>& wishes, Timestamp now) {
  std::string error = endpoint.recipient().setWishes(wishes);
  if (error.empty()) reassign(now);
  return error;
}

void Room::setRateCap(Endpoint& endpoint, std::optional<uint64_t> bitsPerSecond, Timestamp now) {
  endpoint.recipient().setRateCap(bitsPerSecond);
  endpoint.recipient().allocate(now);
  endpoint.recipient().wantKeyFrames(now);
}

std::string Room::setMuted(Endpoint& endpoint, std::string_view mid, bool muted, Timestamp now) {
  PublishedTrack* track = endpoint.publisher().trackOf(mid);
  if (track == nullptr) return "no track has the mid '" + std::string(mid) + "'";
  if (track->muted == muted) return {};
  track->muted = muted;
  track->source.onAllRejected();
  if (!track->isVideo()) speakers_.setMuted(track->source.id(), muted);
  reassign(now);
  return {};
}

void Room::onTrackAdded(PublishedTrack& track, Timestamp now) {
  tracks_[track.source.id()] = &track;
  if (track.isVideo()) return;
  speakers_.add(track.source.id(), now);
  speakers_.setMuted(track.source.id(), track.muted);
}

void Room::onTrackGone(PublishedTrack& track, Timestamp) {
  tracks_.erase(track.source.id());
  speakers_.remove(track.source.id());
  for (const auto& endpoint : endpoints_) endpoint->recipient().onTrackGone(track);
}

void Room::onEndpointState(Endpoint& endpoint, EndpointState state, const std::string& reason,
                           Timestamp now) {
  events_.onEvent(control::EndpointStateChanged{name(), endpoint.name(), state, reason});
  reassign(now);
}

void Room::onDataMessage(Endpoint& endpoint, base::ByteView message, bool lossy, Timestamp now) {
  forwardData(endpoint, message, lossy, endpoints_, resources_.counters, now);
}

void Room::onDataChannel(Endpoint& endpoint, bool open, const std::string& reason) {
  events_.onEvent(control::DataChannelChanged{name(), endpoint.name(), open, reason});
}

void Room::onFrame(PublishedTrack& track, const frame::FrameRef& frame, std::optional<rtp::NtpTime> captured,
                   Timestamp now) {
  if (track.isVideo()) {
    onVideo(track, frame, captured, now);
  } else {
    onAudio(track, frame, captured, now);
  }
}

void Room::onAudio(PublishedTrack& track, const frame::FrameRef& frame, std::optional<rtp::NtpTime> captured,
                   Timestamp now) {
  speakers_.onAudio(track.source.id(), frame->audioLevel, frame->voiceActivity, now);
  if (assignedAudio_ != speakers_.chosenRevision()) assignAudio(now);
  const auto chosen = speakers_.chosen();
  if (std::find(chosen.begin(), chosen.end(), track.source.id()) == chosen.end()) {
    resources_.counters.add(Count::DroppedNotSpeaking);
    return;
  }
  for (const auto& endpoint : endpoints_) endpoint->recipient().sendAudio(track, frame, captured, now);
}

void Room::onVideo(PublishedTrack& track, const frame::FrameRef& frame, std::optional<rtp::NtpTime> captured,
                   Timestamp now) {
  const uint64_t layout = track.source.layoutRevision();
  const forward::ArrivedFrame arrived = track.source.onFrame(frame, captured, now);
  if (arrived.layer == forward::noLayer) {
    resources_.counters.add(Count::DroppedNoPlace);
    return;
  }
  if (layout != track.source.layoutRevision()) {
    // A layer that nobody knew can begin to play with its first key frame; one that is sent no more must be
    // left before the viewer sees it stand still.
    for (const auto& watcher : track.watchers) {
      watcher.recipient->allocate(now);
      watcher.recipient->wantKeyFrames(now);
    }
  }
  bool handedOver = false;
  for (const auto& watcher : track.watchers) {
    handedOver = watcher.recipient->sendVideo(*watcher.subscription, track, arrived, now) || handedOver;
  }
  if (handedOver) {
    rebuildWatchers();
    tellBindings();
  }
}

void Room::assignAudio(Timestamp now) {
  assignedAudio_ = speakers_.chosenRevision();
  const auto loud = speakers_.loud(now);
  for (const auto& endpoint : endpoints_) {
    scratch_.clear();
    for (const forward::SourceId id : speakers_.chosen()) {
      const auto track = tracks_.find(id);
      if (track != tracks_.end() && track->second->publisher != endpoint->id()) scratch_.push_back(id);
    }
    endpoint->recipient().assignAudio(scratch_, loud, settings_.audioSpeakers, *this);
  }
  tellBindings();
}

void Room::assignVideo(Timestamp now) {
  assignedLatest_ = speakers_.latestRevision();
  for (const auto& endpoint : endpoints_) {
    endpoint->recipient().assignVideo(*this, now);
    endpoint->recipient().allocate(now);
  }
  rebuildWatchers();
  for (const auto& endpoint : endpoints_) endpoint->recipient().wantKeyFrames(now);
}

void Room::reassign(Timestamp now) {
  assignVideo(now);
  assignAudio(now);
}

void Room::rebuildWatchers() {
  for (const auto& [id, track] : tracks_) track->watchers.clear();
  for (const auto& endpoint : endpoints_) endpoint->recipient().addWatchers();
}

PublishedTrack* Room::findTrack(std::string_view participant, control::TrackSource source) {
  Endpoint* endpoint = find(participant);
  return endpoint == nullptr ? nullptr : endpoint->publisher().trackOf(source);
}

PublishedTrack* Room::findTrack(forward::SourceId id) {
  const auto found = tracks_.find(id);
  return found == tracks_.end() ? nullptr : found->second;
}

std::span<const forward::SourceId> Room::videoCandidates(forward::ParticipantId self) {
  scratch_.clear();
  auto addCamera = [&](Endpoint& endpoint) {
    if (endpoint.id() == self || !endpoint.transport().ready()) return;
    const PublishedTrack* camera = endpoint.publisher().trackOf(control::TrackSource::Camera);
    if (camera == nullptr || camera->muted || !camera->isVideo()) return;
    const forward::SourceId id = camera->source.id();
    if (std::find(scratch_.begin(), scratch_.end(), id) == scratch_.end()) scratch_.push_back(id);
  };
  for (const forward::SourceId voice : speakers_.latest()) {
    const PublishedTrack* track = findTrack(voice);
    if (track == nullptr) continue;
    if (Endpoint* endpoint = endpointOf(track->publisher)) addCamera(*endpoint);
  }
  for (const auto& endpoint : endpoints_) addCamera(*endpoint);
  return scratch_;
}

void Room::onTime(Timestamp now) {
  if (nextTick_ <= now) tick(now);
  for (const auto& endpoint : endpoints_) {
    if (endpoint->nextDeadline() <= now) endpoint->onTime(now);
  }
}

Timestamp Room::nextDeadline() const {
  if (endpoints_.empty()) return Timestamp::plusInfinity();
  Timestamp due = nextTick_;
  for (const auto& endpoint : endpoints_) due = std::min(due, endpoint->nextDeadline());
  return due;
}

void Room::tick(Timestamp now) {
  nextTick_ = now + tickInterval;
  speakers_.onTime(now);
  bool changed = false;
  for (const auto& endpoint : endpoints_) changed = endpoint->recipient().endHandovers(now) || changed;
  if (changed || assignedLatest_ != speakers_.latestRevision()) reassign(now);
  if (assignedAudio_ != speakers_.chosenRevision()) assignAudio(now);
  const bool allocateNow = ++ticks_ % ticksPerAllocation == 0;
  for (const auto& endpoint : endpoints_) {
    if (allocateNow) endpoint->recipient().allocate(now);
    endpoint->recipient().wantKeyFrames(now);
  }
  for (const auto& endpoint : endpoints_) endpoint->publisher().repair(now);
  tellSpeakers(now);
  tellLayers(now);
}

void Room::tellBindings() {
  for (const auto& endpoint : endpoints_) {
    control::SlotsBound event;
    endpoint->recipient().takeBindingChanges(event.bindings);
    if (event.bindings.empty()) continue;
    event.room = name();
    event.endpoint = endpoint->name();
    events_.onEvent(event);
  }
}

void Room::tellSpeakers(Timestamp now) {
  if (now - toldSpeakersAt_ < speakersInterval) return;
  const auto speaking = speakers_.speaking();
  const bool same = std::equal(speaking.begin(), speaking.end(), toldSpeakers_.begin(), toldSpeakers_.end(),
                               [&](const auto& speaker, const std::string& told) {
                                 const PublishedTrack* track = findTrack(speaker.source);
                                 return track != nullptr && track->participant == told;
                               });
  if (same) return;
  control::SpeakersChanged event;
  event.room = name();
  toldSpeakers_.clear();
  for (const auto& speaker : speaking) {
    const PublishedTrack* track = findTrack(speaker.source);
    if (track == nullptr) continue;
    event.speakers.push_back({track->participant, speaker.level});
    toldSpeakers_.push_back(track->participant);
  }
  toldSpeakersAt_ = now;
  events_.onEvent(event);
}

void Room::tellLayers(Timestamp now) {
  for (const auto& endpoint : endpoints_) {
    control::LayersChanged event;
    endpoint->recipient().takeLayerChanges(event.layers, now);
    if (event.layers.empty()) continue;
    event.room = name();
    event.endpoint = endpoint->name();
    events_.onEvent(event);
  }
}

}  // namespace sotto::room
