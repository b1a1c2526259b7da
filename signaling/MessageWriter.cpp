// Replies and events as JSON text. Strings that are not UTF-8 (they come from a client's SDP at worst) are
// repaired.
#include "signaling/JsonReader.hpp"
#include "signaling/Messages.hpp"

namespace sotto::signaling {
namespace {

using reading::dump;
using reading::json;

json reply(uint64_t id) {
  return {{"reply", id}, {"ok", true}};
}

json event(std::string_view name) {
  return {{"event", name}};
}

std::string_view kindName(control::MediaKind kind) {
  return kind == control::MediaKind::Audio ? "audio" : "video";
}

std::string_view policyName(control::E2eePolicy policy) {
  switch (policy) {
    case control::E2eePolicy::Required:
      return "required";
    case control::E2eePolicy::Optional:
      return "optional";
    case control::E2eePolicy::Off:
      break;
  }
  return "off";
}

json toJson(const ParticipantView& participant) {
  json tracks = json::array();
  for (const auto& track : participant.tracks) {
    const bool audio = track.source == control::TrackSource::Microphone;
    tracks.push_back(
        {{"source", sourceName(track.source)}, {"kind", audio ? "audio" : "video"}, {"muted", track.muted}});
  }
  json object{{"id", participant.id},
              {"user", participant.user},
              {"device", participant.device},
              {"name", participant.name},
              {"sender", participant.sender},
              {"tracks", std::move(tracks)},
              {"connected", participant.connected},
              {"data", participant.data}};
  if (!participant.e2ee.empty()) object["e2ee"] = json::parse(participant.e2ee, nullptr, false);
  return object;
}

json toJson(const RequestError& error) {
  json object{{"code", errorCodeName(error.code)}, {"message", error.message}};
  if (error.line != 0) object["details"]["line"] = error.line;
  if (!error.text.empty()) object["details"]["text"] = error.text;
  if (!error.versions.empty()) object["details"]["versions"] = error.versions;
  if (error.retryAfter != 0) object["details"]["retryAfter"] = error.retryAfter;
  return object;
}

}  // namespace

std::string okReply(uint64_t id) {
  return dump(reply(id));
}

std::string joinReply(uint64_t id, const JoinReply& joined, const Limits& limits) {
  json message = reply(id);
  message["resumed"] = joined.resumed;
  message["session"] = {{"id", joined.session}, {"secret", joined.secret}};
  message["self"] = toJson(joined.self);
  message["roster"] = json::array();
  for (const auto& participant : joined.roster) message["roster"].push_back(toJson(participant));
  message["room"] = {{"name", joined.room},
                     {"e2ee", policyName(joined.e2ee)},
                     {"call", joined.call},
                     {"invited", joined.invited},
                     {"suites", joined.suites}};
  message["limits"] = {{"audioSlots", limits.audioSlots},
                       {"videoSlots", limits.videoSlots},
                       {"tracks", limits.tracks},
                       {"messageBytes", limits.messageBytes}};
  return dump(message);
}

std::string offerReply(uint64_t id, const std::string& answer, const std::vector<control::Slot>& slots) {
  json message = reply(id);
  message["sdp"] = answer;
  message["slots"] = json::array();
  for (const auto& slot : slots)
    message["slots"].push_back({{"mid", slot.mid}, {"kind", kindName(slot.kind)}});
  return dump(message);
}

std::string pingReply(uint64_t id, int64_t unixMs) {
  json message = reply(id);
  message["time"] = unixMs;
  return dump(message);
}

std::string errorReply(uint64_t id, const RequestError& error) {
  return dump({{"reply", id}, {"ok", false}, {"error", toJson(error)}});
}

std::string participantJoinedEvent(const ParticipantView& participant) {
  json message = event("participant-joined");
  message["participant"] = toJson(participant);
  return dump(message);
}

std::string participantUpdatedEvent(const ParticipantView& participant) {
  json message = event("participant-updated");
  message["participant"] = toJson(participant);
  return dump(message);
}

std::string participantLeftEvent(const std::string& participant, std::string_view reason) {
  json message = event("participant-left");
  message["participant"] = participant;
  message["reason"] = reason;
  return dump(message);
}

std::string slotsEvent(const std::vector<control::SlotBinding>& bindings) {
  json message = event("slots");
  message["slots"] = json::array();
  for (const auto& binding : bindings) {
    json slot{{"mid", binding.mid}, {"participant", nullptr}};
    if (!binding.participant.empty()) {
      slot["participant"] = binding.participant;
      slot["source"] = sourceName(binding.source);
    }
    message["slots"].push_back(std::move(slot));
  }
  return dump(message);
}

std::string speakersEvent(const std::vector<control::SpeakersChanged::Speaker>& speakers) {
  json message = event("speakers");
  message["speakers"] = json::array();
  for (const auto& speaker : speakers) {
    message["speakers"].push_back({{"participant", speaker.endpoint}, {"level", speaker.level}});
  }
  return dump(message);
}

std::string layersEvent(const std::vector<control::LayersChanged::Layer>& layers) {
  json message = event("layers");
  message["slots"] = json::array();
  for (const auto& layer : layers) {
    message["slots"].push_back({{"mid", layer.mid},
                                {"width", layer.width},
                                {"height", layer.height},
                                {"bitsPerSecond", layer.bitsPerSecond},
                                {"reason", layer.reason}});
  }
  return dump(message);
}

std::string mediaConnectedEvent() {
  return dump(event("media-connected"));
}

std::string dataChannelEvent(bool open, const std::string& reason) {
  json message = event("data-channel");
  message["open"] = open;
  if (!open) message["reason"] = reason;
  return dump(message);
}

std::string mediaRestartEvent(const std::string& reason) {
  json message = event("media-restart");
  message["reason"] = reason;
  return dump(message);
}

std::string stoppingEvent(const std::string& reason) {
  json message = event("stopping");
  message["reason"] = reason;
  return dump(message);
}

std::string removedEvent(std::string_view reason) {
  json message = event("removed");
  message["reason"] = reason;
  return dump(message);
}

std::string attachReply(uint64_t id, const DeviceName& device, size_t pending) {
  json message = reply(id);
  message["user"] = device.user;
  message["device"] = device.device;
  message["pending"] = pending;
  return dump(message);
}

std::string sendReply(uint64_t id, const SendResult& result) {
  json message = reply(id);
  message.update(json::parse(sendResultJson(result)));
  return dump(message);
}

std::string inviteReply(uint64_t id, const std::vector<std::string>& users) {
  json message = reply(id);
  message["users"] = users;
  return dump(message);
}

std::string invitedEvent(const std::vector<std::string>& users) {
  json message = event("invited");
  message["users"] = users;
  return dump(message);
}

std::string errorEvent(const RequestError& error) {
  json message = event("error");
  message["error"] = toJson(error);
  return dump(message);
}

}  // namespace sotto::signaling
