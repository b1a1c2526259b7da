// Requests of clients on their way to the worker. What the worker reports is in MediaEvents.cpp.
#include "signaling/MediaControl.hpp"

#include <algorithm>
#include <utility>

namespace sotto::signaling {
namespace {

/// A worker takes some tens of milliseconds to start: soon enough, without spinning.
constexpr base::TimeDelta placementRetry = base::TimeDelta::millis(200);
/// How long an offer waits for a worker before the client is told that there is none.
constexpr base::TimeDelta offerPatience = base::TimeDelta::seconds(5);

RequestError noWorker() {
  return {ErrorCode::MediaUnavailable, "no media worker is available at the moment; try again", 0, {}, {}};
}

RequestError fromSdp(const sdp::ParseError& error) {
  return {ErrorCode::BadSdp, "the SDP cannot be read: " + error.message, error.line, error.text, {}};
}

}  // namespace

/// An offer that the worker is being asked about.
struct MediaControl::OfferInProgress {
  Participant::PendingOffer pending;
  Negotiated negotiated;
  uint64_t placementAttempt = 0;
  bool updates = false;  ///< an endpoint was there and stays
};

MediaControl::MediaControl(Directory& directory, Notify onIdle, Notify onFault)
    : directory_(directory), onIdle_(std::move(onIdle)), onFault_(std::move(onFault)) {}

void MediaControl::ask(const std::string& room, control::RequestBody body, MediaPlane::Done done) {
  directory_.mediaPlane.request(room, std::move(body),
                                [alive = std::weak_ptr<const bool>(directory_.alive),
                                 done = std::move(done)](const control::Reply& reply) {
                                  if (!alive.expired() && done) done(reply);
                                });
}

void MediaControl::askFor(const ParticipantPtr& participant, control::RequestBody body, DoneFor done) {
  ask(participant->room->name(), std::move(body),
      [this, weak = std::weak_ptr<Participant>(participant),
       done = std::move(done)](const control::Reply& reply) {
        const ParticipantPtr found = weak.lock();
        if (found) guarded(found, [&] { done(found, reply); });
      });
}

void MediaControl::answer(const Participant& participant, uint64_t connectionId,
                          const std::string& text) const {
  if (participant.connectionId == connectionId) participant.send(text);
}

void MediaControl::refuse(const Participant& participant, uint64_t connectionId, uint64_t id,
                          const RequestError& error) {
  directory_.count(error);
  answer(participant, connectionId, errorReply(id, error));
}

void MediaControl::finish(const ParticipantPtr& participant) {
  participant->busy = false;
  onIdle_(participant);
}

// ---- rooms -------------------------------------------------------------------------------------------

void MediaControl::place(const RoomPtr& room) {
  if (room->placement != Room::Placement::None) return;
  room->placement = Room::Placement::InProgress;
  const uint64_t attempt = ++room->placementAttempt;
  ask(room->name(), control::CreateRoom{room->name(), room->e2ee(), directory_.settings.audioSpeakers},
      [this, weak = std::weak_ptr<Room>(room), attempt](const control::Reply& reply) {
        if (const RoomPtr placed = weak.lock()) onPlaced(placed, attempt, reply);
      });
}

void MediaControl::onPlaced(const RoomPtr& room, uint64_t attempt, const control::Reply& reply) {
  if (attempt != room->placementAttempt || directory_.findRoom(room->name()) != room) return;
  if (!reply.error.empty()) {
    room->placement = Room::Placement::None;
    placements_.add(directory_.now.monotonic + placementRetry, room);
    return;
  }
  room->placement = Room::Placement::Placed;
  std::vector<ParticipantPtr> waiting;
  for (const auto& [id, participant] : room->participants()) {
    if (participant->pendingOffer) waiting.push_back(participant);
  }
  for (const auto& participant : waiting) {
    guarded(participant, [&] { takeUpOffer(participant); });
  }
}

void MediaControl::close(const RoomPtr& room) {
  if (room->placement != Room::Placement::None) ask(room->name(), control::CloseRoom{room->name()}, nullptr);
  room->placement = Room::Placement::None;
  ++room->placementAttempt;
}

void MediaControl::onTime() {
  const base::Timestamp now = directory_.now.monotonic;
  while (const auto room = placements_.takeDue(now)) {
    const RoomPtr found = room->lock();
    if (found && directory_.findRoom(found->name()) == found) place(found);
  }
  while (const auto waiting = offerWaits_.takeDue(now)) {
    const ParticipantPtr participant = waiting->lock();
    if (!participant || !participant->pendingOffer || participant->pendingOffer->deadline > now) continue;
    const auto offer = *std::exchange(participant->pendingOffer, std::nullopt);
    guarded(participant, [&] { failOffer(participant, offer, noWorker()); });
  }
}

base::Timestamp MediaControl::nextDeadline() const {
  return std::min(placements_.next(), offerWaits_.next());
}

// ---- participants ------------------------------------------------------------------------------------

void MediaControl::remove(const ParticipantPtr& participant) {
  if (participant->media.agreement || participant->media.settingUp) {
    const std::string& room = participant->room->name();
    ask(room, control::RemoveEndpoint{room, participant->view.id}, nullptr);
  }
  participant->pendingOffer.reset();
  participant->waiting.clear();
}

void MediaControl::detach(const ParticipantPtr& participant) {
  participant->waiting.clear();
  if (std::exchange(participant->pendingOffer, std::nullopt)) participant->busy = false;
}

void MediaControl::sendReports(const Participant& participant) const {
  std::vector<control::SlotBinding> bindings;
  for (const auto& [mid, binding] : participant.media.bindings) bindings.push_back(binding);
  if (!bindings.empty()) participant.send(slotsEvent(bindings));
  std::vector<control::LayersChanged::Layer> layers;
  for (const auto& [mid, layer] : participant.media.layers) layers.push_back(layer);
  if (!layers.empty()) participant.send(layersEvent(layers));
}

void MediaControl::reattach(const ParticipantPtr& participant) {
  const MediaState& media = participant->media;
  sendReports(*participant);
  if (!participant->room->speakers.empty()) participant->send(speakersEvent(participant->room->speakers));
  if (media.connected) participant->send(mediaConnectedEvent());
  if (participant->view.data) participant->send(dataChannelEvent(true, ""));
  if (media.restartOwed) restart(*participant, media.restartReason);
}

// ---- offers ------------------------------------------------------------------------------------------

void MediaControl::offer(const ParticipantPtr& participant, uint64_t id, OfferRequest request) {
  participant->busy = true;
  const base::Timestamp deadline = directory_.now.monotonic + offerPatience;
  participant->pendingOffer = {id, participant->connectionId, std::move(request), deadline};
  offerWaits_.add(deadline, participant);
  takeUpOffer(participant);
}

void MediaControl::takeUpOffer(const ParticipantPtr& participant) {
  const RoomPtr room = directory_.findRoom(participant->room->name());
  const auto address = directory_.mediaPlane.address(room->name());
  if (room->placement != Room::Placement::Placed || !address) {
    place(room);
    return;
  }
  OfferInProgress offer;
  offer.pending = *std::exchange(participant->pendingOffer, std::nullopt);
  offer.placementAttempt = room->placementAttempt;
  const OfferRequest& request = offer.pending.request;
  const auto suites = directory_.suitesOf(participant->room->name());
  if (request.suite && std::find(suites.begin(), suites.end(), *request.suite) == suites.end()) {
    return failOffer(participant, offer.pending,
                     {ErrorCode::SuiteNotAllowed, "this suite is not allowed here", 0, {}, {}});
  }
  const Limits& limits = directory_.settings.limits;
  const auto description = sdp::parse(request.sdp, {limits.sdpBytes, limits.mediaLines});
  if (!description) return failOffer(participant, offer.pending, fromSdp(description.error()));
  const auto& agreement = participant->media.agreement;
  NegotiationInput input{*description,
                         request.tracks,
                         *address,
                         limits,
                         participant->mayPublish,
                         participant->maySubscribe,
                         {},
                         agreement ? &*agreement : nullptr};
  for (const auto& track : participant->view.tracks) {
    if (track.muted) input.muted.push_back(track.source);
  }
  auto negotiated = negotiate(input, directory_.random);
  if (!negotiated) return failOffer(participant, offer.pending, negotiated.error());
  offer.negotiated = std::move(*negotiated);
  // Nobody could open these frames, and the worker would drop each of them: better said at once.
  const bool saysHow = request.e2ee || !participant->view.e2ee.empty();
  if (room->e2ee() == control::E2eePolicy::Required && !offer.negotiated.agreement.tracks.empty() &&
      !saysHow) {
    return failOffer(participant, offer.pending,
                     {ErrorCode::E2eeRequired,
                      "tracks of this room are sealed end to end: the offer lacks \"e2ee\"",
                      0,
                      {},
                      {}});
  }
  setUp(participant, std::move(offer));
}

void MediaControl::setUp(const ParticipantPtr& participant, OfferInProgress offer) {
  const std::string room = participant->room->name();
  const std::string endpoint = participant->view.id;
  MediaState& media = participant->media;
  if (offer.negotiated.replaces) {
    // What is reported until this is confirmed concerns the endpoint that goes.
    ask(room, control::RemoveEndpoint{room, endpoint},
        [weak = std::weak_ptr<Participant>(participant)](const control::Reply&) {
          if (const ParticipantPtr found = weak.lock()) found->media.clearReports();
        });
    media.agreement.reset();
  }
  media.offerInFlight = true;
  offer.updates = media.agreement.has_value();
  media.settingUp = !offer.updates;
  if (media.settingUp) {
    media.connected = false;
    media.clearReports();
    setData(*participant, false);
  }
  const Agreement& agreement = offer.negotiated.agreement;
  control::EndpointParameters parameters{room,
                                         endpoint,
                                         participant->view.sender,
                                         agreement.ice,
                                         agreement.fingerprint,
                                         agreement.tracks,
                                         agreement.slots,
                                         agreement.data};
  control::RequestBody body;
  if (offer.updates) {
    body = control::UpdateEndpoint{std::move(parameters)};
  } else {
    body = control::CreateEndpoint{std::move(parameters)};
  }
  askFor(
      participant, std::move(body),
      [this, offer = std::make_shared<OfferInProgress>(std::move(offer))](
          const ParticipantPtr& found, const control::Reply& reply) { onConfirmed(found, *offer, reply); });
}

void MediaControl::onConfirmed(const ParticipantPtr& participant, OfferInProgress& offer,
                               const control::Reply& reply) {
  if (participant->room == nullptr) return;
  const Room& room = *participant->room;
  const bool lost = room.placementAttempt != offer.placementAttempt ||
                    room.placement != Room::Placement::Placed || !directory_.mediaPlane.address(room.name());
  MediaState& media = participant->media;
  media.settingUp = false;
  media.offerInFlight = false;
  const bool keptReports = std::exchange(media.reportsKept, false);
  if (!lost && reply.error.empty() && (!offer.updates || media.agreement)) {
    adopt(*participant, offer);
    if (keptReports) sendReports(*participant);
    return finish(participant);
  }
  if (keptReports && media.agreement) sendReports(*participant);
  if (!lost && !reply.error.empty()) {
    const std::string message = "the media worker refused the offer: " + reply.error;
    return failOffer(participant, offer.pending, {ErrorCode::Internal, message, 0, {}, {}});
  }
  // The worker went away meanwhile. A new connection can be set up on the next one without the client
  // noticing; one that was there cannot: its DTLS association is gone.
  const bool present = participant->connection && participant->connectionId == offer.pending.connectionId;
  if (offer.updates || !present || offer.pending.deadline <= directory_.now.monotonic) {
    return failOffer(participant, offer.pending, noWorker());
  }
  participant->pendingOffer = std::move(offer.pending);
  takeUpOffer(participant);
}

void MediaControl::adopt(Participant& participant, OfferInProgress& offer) {
  MediaState& media = participant.media;
  media.agreement = std::move(offer.negotiated.agreement);
  media.restartOwed = false;
  ++directory_.metrics.offers;
  const Agreement& agreement = *media.agreement;
  const auto isSlot = [&agreement](const std::string& mid) {
    return std::any_of(agreement.slots.begin(), agreement.slots.end(),
                       [&](const auto& s) { return s.mid == mid; });
  };
  std::erase_if(media.bindings, [&](const auto& entry) { return !isSlot(entry.first); });
  std::erase_if(media.layers, [&](const auto& entry) { return !isSlot(entry.first); });
  std::erase_if(media.wishes, [&](const auto& wish) { return !isSlot(wish.mid); });

  std::vector<ParticipantView::Track> tracks;
  for (const auto& track : agreement.tracks) tracks.push_back({track.source, track.muted});
  const std::string& e2ee = offer.pending.request.e2ee ? *offer.pending.request.e2ee : participant.view.e2ee;
  const bool changed = tracks != participant.view.tracks || e2ee != participant.view.e2ee;
  participant.view.tracks = std::move(tracks);
  participant.view.e2ee = e2ee;
  answer(participant, offer.pending.connectionId,
         offerReply(offer.pending.requestId, offer.negotiated.answer, agreement.slots));
  if (changed) participant.room->broadcast(participantUpdatedEvent(participant.view), &participant);
  if (!offer.updates) restoreWishes(participant);
}

/// A new endpoint knows nothing of what its participant has asked for before.
void MediaControl::restoreWishes(Participant& participant) {
  const std::string& room = participant.room->name();
  const MediaState& media = participant.media;
  if (media.rateCap) ask(room, control::SetRateCap{room, participant.view.id, media.rateCap}, nullptr);
  if (!media.wishes.empty())
    ask(room, control::SetSlotWishes{room, participant.view.id, media.wishes}, nullptr);
}

void MediaControl::failOffer(const ParticipantPtr& participant, const Participant::PendingOffer& offer,
                             const RequestError& error) {
  refuse(*participant, offer.connectionId, offer.requestId, error);
  finish(participant);
}

// ---- wishes ------------------------------------------------------------------------------------------

void MediaControl::requestFor(const ParticipantPtr& participant, uint64_t id, control::RequestBody body) {
  participant->busy = true;
  askFor(participant, std::move(body),
         [this, connectionId = participant->connectionId, id, attempt = participant->room->placementAttempt](
             const ParticipantPtr& found, const control::Reply& reply) {
           if (found->room == nullptr) return;
           if (reply.error.empty()) {
             answer(*found, connectionId, okReply(id));
           } else if (attempt != found->room->placementAttempt ||
                      !directory_.mediaPlane.address(found->room->name())) {
             // Not refused: the worker went away before it could answer.
             refuse(*found, connectionId, id, noWorker());
           } else {
             refuse(*found, connectionId, id,
                    {ErrorCode::Internal, "the media worker refused: " + reply.error, 0, {}, {}});
           }
           finish(found);
         });
}

void MediaControl::subscribe(const ParticipantPtr& participant, uint64_t id, SubscribeRequest request) {
  const auto fail = [&](ErrorCode code, std::string message) {
    refuse(*participant, participant->connectionId, id, {code, std::move(message), 0, {}, {}});
  };
  if (!participant->maySubscribe) return fail(ErrorCode::Forbidden, "the token does not grant subscribing");
  MediaState& media = participant->media;
  std::vector<std::string> mids;
  for (const auto& wish : request.wishes) {
    const auto isSlot = [&wish](const control::Slot& slot) {
      return slot.mid == wish.mid && slot.kind == control::MediaKind::Video;
    };
    if (!media.agreement ||
        std::none_of(media.agreement->slots.begin(), media.agreement->slots.end(), isSlot)) {
      return fail(ErrorCode::BadSlot, "mid \"" + wish.mid + "\" is no video slot of your last offer");
    }
    if (std::find(mids.begin(), mids.end(), wish.mid) != mids.end()) {
      return fail(ErrorCode::BadSlot, "mid \"" + wish.mid + "\" is named twice");
    }
    mids.push_back(wish.mid);
    if (wish.mode == control::SlotWish::Mode::Participant && !participant->room->find(wish.participant)) {
      return fail(ErrorCode::UnknownParticipant, "nobody here has the id \"" + wish.participant + "\"");
    }
  }
  media.wishes = std::move(request.wishes);
  if (!media.agreement) return answer(*participant, participant->connectionId, okReply(id));
  requestFor(participant, id,
             control::SetSlotWishes{participant->room->name(), participant->view.id, media.wishes});
}

void MediaControl::mute(const ParticipantPtr& participant, uint64_t id, const MuteRequest& request) {
  auto& tracks = participant->view.tracks;
  const auto track = std::find_if(tracks.begin(), tracks.end(),
                                  [&request](const auto& t) { return t.source == request.source; });
  if (track == tracks.end()) {
    const std::string source(sourceName(request.source));
    return refuse(*participant, participant->connectionId, id,
                  {ErrorCode::UnknownTrack, "you publish no " + source, 0, {}, {}});
  }
  if (track->muted != request.muted) {
    track->muted = request.muted;
    participant->room->broadcast(participantUpdatedEvent(participant->view), participant.get());
  }
  std::string mid;
  if (participant->media.agreement) {
    for (auto& agreed : participant->media.agreement->tracks) {
      if (agreed.source != request.source) continue;
      agreed.muted = request.muted;
      mid = agreed.mid;
    }
  }
  if (mid.empty()) return answer(*participant, participant->connectionId, okReply(id));
  requestFor(participant, id,
             control::SetTrackMuted{participant->room->name(), participant->view.id, mid, request.muted});
}

void MediaControl::rateCap(const ParticipantPtr& participant, uint64_t id, const RateCapRequest& request) {
  participant->media.rateCap = request.bitsPerSecond;
  if (!participant->media.agreement) return answer(*participant, participant->connectionId, okReply(id));
  requestFor(participant, id,
             control::SetRateCap{participant->room->name(), participant->view.id, request.bitsPerSecond});
}

}  // namespace sotto::signaling
