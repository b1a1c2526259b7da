// What the media plane reports, on its way to the clients.
#include <variant>

#include "signaling/MediaControl.hpp"

namespace sotto::signaling {
namespace {

bool keepsReports(const MediaState& media) {
  return media.agreement || media.offerInFlight;
}

}  // namespace

/// WorkerReady is between the worker and its supervisor.
void MediaControl::onEvent(const control::Event& event) {
  const auto take = [this](const auto& body, auto handler) {
    const ParticipantPtr participant = find(body.room, body.endpoint);
    if (participant) guarded(participant, [&] { (this->*handler)(participant, body); });
  };
  if (const auto* state = std::get_if<control::EndpointStateChanged>(&event)) {
    take(*state, &MediaControl::onState);
  } else if (const auto* slots = std::get_if<control::SlotsBound>(&event)) {
    take(*slots, &MediaControl::onSlots);
  } else if (const auto* layers = std::get_if<control::LayersChanged>(&event)) {
    take(*layers, &MediaControl::onLayers);
  } else if (const auto* data = std::get_if<control::DataChannelChanged>(&event)) {
    take(*data, &MediaControl::onDataChannel);
  } else if (const auto* speakers = std::get_if<control::SpeakersChanged>(&event)) {
    onSpeakers(*speakers);
  }
}

ParticipantPtr MediaControl::find(const std::string& room, const std::string& participant) const {
  const RoomPtr found = directory_.findRoom(room);
  return found ? found->find(participant) : nullptr;
}

void MediaControl::onSlots(const ParticipantPtr& participant, const control::SlotsBound& event) {
  if (!keepsReports(participant->media)) return;
  std::vector<control::SlotBinding> bindings = event.bindings;
  for (auto& binding : bindings) {
    // Whoever has left meanwhile is nobody to the client.
    if (!participant->room->find(binding.participant)) binding.participant.clear();
    participant->media.bindings[binding.mid] = binding;
  }
  if (participant->media.offerInFlight) {
    participant->media.reportsKept = true;
  } else if (!bindings.empty()) {
    participant->send(slotsEvent(bindings));
  }
}

void MediaControl::onSpeakers(const control::SpeakersChanged& event) {
  const RoomPtr room = directory_.findRoom(event.room);
  if (!room) return;
  room->speakers.clear();
  for (const auto& speaker : event.speakers) {
    if (room->find(speaker.endpoint)) room->speakers.push_back(speaker);
  }
  room->broadcast(speakersEvent(room->speakers));
}

void MediaControl::onLayers(const ParticipantPtr& participant, const control::LayersChanged& event) {
  if (!keepsReports(participant->media)) return;
  for (const auto& layer : event.layers) participant->media.layers[layer.mid] = layer;
  if (participant->media.offerInFlight) {
    participant->media.reportsKept = true;
  } else if (!event.layers.empty()) {
    participant->send(layersEvent(event.layers));
  }
}

void MediaControl::onDataChannel(const ParticipantPtr& participant,
                                 const control::DataChannelChanged& event) {
  if (!participant->media.agreement || participant->media.settingUp) return;
  participant->send(dataChannelEvent(event.open, event.reason));
  setData(*participant, event.open);
}

void MediaControl::setData(Participant& participant, bool open) {
  if (participant.view.data == open) return;
  participant.view.data = open;
  participant.room->broadcast(participantUpdatedEvent(participant.view), &participant);
}

void MediaControl::onState(const ParticipantPtr& participant, const control::EndpointStateChanged& event) {
  if (!participant->media.agreement || participant->media.settingUp) return;
  if (event.state == control::EndpointState::Connected) {
    participant->media.connected = true;
    participant->send(mediaConnectedEvent());
  } else if (event.state != control::EndpointState::Connecting) {
    ask(event.room, control::RemoveEndpoint{event.room, event.endpoint}, nullptr);
    restart(*participant, event.reason.empty() ? "the media connection was lost" : event.reason);
  }
}

void MediaControl::restart(Participant& participant, const std::string& reason) {
  MediaState& media = participant.media;
  media.agreement.reset();
  media.connected = false;
  media.clearReports();
  setData(participant, false);
  media.restartOwed = participant.connection == nullptr;
  media.restartReason = reason;
  if (media.restartOwed) return;
  ++directory_.metrics.mediaRestarts;
  participant.send(mediaRestartEvent(reason));
}

void MediaControl::onRoomLost(const std::string& name, const std::string& reason) {
  const RoomPtr room = directory_.findRoom(name);
  if (!room) return;
  ++directory_.metrics.roomsLost;
  room->placement = Room::Placement::None;
  ++room->placementAttempt;
  room->speakers.clear();
  std::vector<ParticipantPtr> connected;
  for (const auto& [id, participant] : room->participants()) {
    if (participant->media.agreement) connected.push_back(participant);
  }
  for (const auto& participant : connected) {
    guarded(participant, [&] { restart(*participant, reason); });
  }
  if (directory_.findRoom(name) == room) place(room);
}

}  // namespace sotto::signaling
