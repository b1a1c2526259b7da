#include "client/native/call/SignalingMessages.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "client/native/call/Base64.hpp"

namespace sotto::client::call {

using Json = nlohmann::json;

namespace {

/// Protocol version of docs/signaling.md.
constexpr int protocolVersion = 1;

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag(const Json& object, const char* key, bool otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

uint64_t number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

/// The array under `key`, or an empty one.
const Json& list(const Json& object, const char* key) {
  static const Json empty = Json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : empty;
}

std::optional<TrackSource> parseSource(const std::string& name) {
  if (name == "microphone") return TrackSource::Microphone;
  if (name == "camera") return TrackSource::Camera;
  if (name == "screen") return TrackSource::Screen;
  return std::nullopt;
}

base::Expected<Member> parseMember(const Json& object) {
  if (!object.is_object())
    return base::fail("the server described a participant by something else than an object");
  Member member;
  Participant& participant = member.participant;
  participant.id = text(object, "id");
  participant.user = text(object, "user");
  participant.device = text(object, "device");
  participant.name = text(object, "name");
  const uint64_t sender = number(object, "sender");
  if (participant.id.empty() || sender < 1 || sender > 0xFFFF) {
    return base::fail("the server described a participant without an id or with a bad sender number");
  }
  participant.sender = static_cast<uint16_t>(sender);
  participant.connected = flag(object, "connected", true);
  participant.data = flag(object, "data", false);
  for (const Json& track : list(object, "tracks")) {
    const auto source = track.is_object() ? parseSource(text(track, "source")) : std::nullopt;
    if (source) participant.tracks.push_back({*source, flag(track, "muted", false)});
  }
  if (const auto published = object.find("e2ee"); published != object.end() && published->is_object()) {
    auto keys = e2ee::PublishedKeyInfo::parse(text(*published, "suite"), text(*published, "salt"));
    // What cannot be read counts as absent: that participant's frames stay closed, the call goes on.
    if (keys) member.keys = *keys;
  }
  participant.publishesKey = member.keys.has_value();
  return member;
}

ErrorInfo parseError(const Json& object) {
  const auto found = object.find("error");
  if (found == object.end() || !found->is_object()) return {"internal", "the server gave no reason"};
  return {text(*found, "code"), text(*found, "message")};
}

control::E2eePolicy parsePolicy(const std::string& name) {
  if (name == "off") return control::E2eePolicy::Off;
  if (name == "optional") return control::E2eePolicy::Optional;
  return control::E2eePolicy::Required;
}

std::vector<std::string> texts(const Json& object, const char* key) {
  std::vector<std::string> all;
  for (const Json& entry : list(object, key)) {
    if (entry.is_string()) all.push_back(entry.get<std::string>());
  }
  return all;
}

base::Expected<JoinReply> parseJoinReply(const Json& object) {
  JoinReply reply;
  reply.resumed = flag(object, "resumed", false);
  const Json& session = object.at("session");
  if (session.is_object()) {
    reply.sessionId = text(session, "id");
    reply.sessionSecret = text(session, "secret");
  }
  const auto self = object.find("self");
  if (self == object.end()) return base::fail("the reply to join does not say who we are");
  auto member = parseMember(*self);
  if (!member) return tl::make_unexpected(member.error());
  reply.self = std::move(*member);
  for (const Json& entry : list(object, "roster")) {
    auto other = parseMember(entry);
    if (!other) return tl::make_unexpected(other.error());
    reply.roster.push_back(std::move(*other));
  }
  if (const auto room = object.find("room"); room != object.end() && room->is_object()) {
    reply.e2ee = parsePolicy(text(*room, "e2ee"));
    reply.call = text(*room, "call");
    reply.invited = texts(*room, "invited");
    reply.suites = texts(*room, "suites");
  }
  if (const auto limits = object.find("limits"); limits != object.end() && limits->is_object()) {
    reply.audioSlots = static_cast<uint32_t>(number(*limits, "audioSlots"));
    reply.videoSlots = static_cast<uint32_t>(number(*limits, "videoSlots"));
  }
  return reply;
}

base::Expected<ServerMessage> parseReply(const Json& object) {
  ReplyMessage reply;
  reply.id = number(object, "reply");
  if (!flag(object, "ok", false)) {
    reply.error = parseError(object);
    return ServerMessage(std::move(reply));
  }
  if (object.contains("session")) {
    auto join = parseJoinReply(object);
    if (!join) return tl::make_unexpected(join.error());
    reply.join = std::move(*join);
  }
  if (object.contains("sdp")) reply.sdp = text(object, "sdp");
  for (const Json& entry : list(object, "unknown")) {
    if (!entry.is_object()) continue;
    (flag(entry, "full", false) ? reply.full : reply.unknown)
        .push_back({text(entry, "user"), text(entry, "device")});
  }
  return ServerMessage(std::move(reply));
}

SlotsChanged parseSlots(const Json& object) {
  SlotsChanged event;
  for (const Json& entry : list(object, "slots")) {
    if (!entry.is_object()) continue;
    event.slots.push_back({text(entry, "mid"), text(entry, "participant"),
                           parseSource(text(entry, "source")).value_or(TrackSource::Camera)});
  }
  return event;
}

std::optional<e2ee::MessageId> parseMessageId(const std::string& hex) {
  const auto bytes = e2ee::secretFromHex(hex);
  e2ee::MessageId id{};
  if (!bytes || bytes->size() != id.size()) return std::nullopt;
  std::copy(bytes->view().begin(), bytes->view().end(), id.begin());
  return id;
}

base::Expected<ServerMessage> parseDeviceMessage(const Json& object) {
  e2ee::IncomingMessage message;
  message.seq = number(object, "seq");
  if (const auto from = object.find("from"); from != object.end() && from->is_object()) {
    message.from = {text(*from, "user"), text(*from, "device")};
  }
  const auto id = parseMessageId(text(object, "messageId"));
  const auto body = fromBase64(text(object, "body")), shared = fromBase64(text(object, "shared"));
  const std::string type = text(object, "type");
  const bool known = type == "prekey" || type == "signal" || type == "error";
  if (!id || !body || !shared || !known) return base::fail("the server handed over a message that is none");
  message.id = *id;
  message.purpose = static_cast<uint32_t>(std::min<uint64_t>(number(object, "purpose"), UINT32_MAX));
  message.group = text(object, "group");
  message.timeMs = number(object, "time");
  message.type = type == "prekey"   ? e2ee::EnvelopeType::PreKey
                 : type == "signal" ? e2ee::EnvelopeType::Signal
                                    : e2ee::EnvelopeType::Error;
  message.body = *body;
  message.shared = *shared;
  return ServerMessage(DeviceMessage{std::move(message)});
}

template <typename Event>
base::Expected<ServerMessage> parseMemberEvent(const Json& object) {
  const auto found = object.find("participant");
  if (found == object.end()) return base::fail("the server announced a participant without saying whom");
  auto member = parseMember(*found);
  if (!member) return tl::make_unexpected(member.error());
  return ServerMessage(Event{std::move(*member)});
}

base::Expected<ServerMessage> parseEvent(const Json& object) {
  const std::string name = text(object, "event");
  if (name == "participant-joined") return parseMemberEvent<ParticipantJoined>(object);
  if (name == "participant-updated") return parseMemberEvent<ParticipantUpdated>(object);
  if (name == "participant-left") {
    return ServerMessage(ParticipantLeft{text(object, "participant"), text(object, "reason")});
  }
  if (name == "slots") return ServerMessage(parseSlots(object));
  if (name == "speakers") {
    Speakers event;
    for (const Json& entry : list(object, "speakers")) {
      if (entry.is_object()) event.participants.push_back(text(entry, "participant"));
    }
    return ServerMessage(std::move(event));
  }
  if (name == "message") return parseDeviceMessage(object);
  if (name == "prekeys-low") return ServerMessage(PreKeysLow{number(object, "remaining")});
  if (name == "invited") return ServerMessage(Invited{texts(object, "users")});
  if (name == "detached") return ServerMessage(Detached{});
  if (name == "media-restart") return ServerMessage(MediaRestart{text(object, "reason")});
  if (name == "removed") return ServerMessage(Removed{text(object, "reason")});
  if (name == "stopping") return ServerMessage(Stopping{text(object, "reason")});
  if (name == "error") return ServerMessage(ErrorEvent{parseError(object)});
  return ServerMessage(OtherEvent{name});
}

std::string toHex(base::ByteView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

Json request(uint64_t id, const char* type) {
  return Json{{"id", id}, {"type", type}};
}

}  // namespace

base::Expected<ServerMessage> parseServerMessage(std::string_view message) {
  const Json object = Json::parse(message, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return base::fail("the server sent something that is not a JSON object");
  if (object.contains("reply")) return parseReply(object);
  if (object.contains("event")) return parseEvent(object);
  return base::fail("the server sent a message that is neither a reply nor an event");
}

std::string makeJoin(uint64_t id, const JoinRequest& join) {
  Json message = request(id, "join");
  message["version"] = protocolVersion;
  message["token"] = join.token;
  message["client"] = {{"name", join.clientName}, {"version", "0.1.0"}};
  message["e2ee"]["suites"] = join.canSeal ? Json::array({"duo", "aes128gcm", "aes256gcm"}) : Json::array();
  if (!join.resumeSession.empty()) {
    message["resume"] = {{"session", join.resumeSession}, {"secret", join.resumeSecret}};
  }
  return message.dump();
}

std::string makeOffer(uint64_t id, const OfferRequest& offer) {
  Json message = request(id, "offer");
  message["sdp"] = offer.sdp;
  message["tracks"] = Json::array();
  for (const OfferRequest::Track& track : offer.tracks) {
    message["tracks"].push_back(
        {{"mid", track.mid}, {"source", sourceName(track.source)}, {"muted", track.muted}});
  }
  if (offer.keys) {
    message["e2ee"] = {{"suite", e2ee::suiteName(offer.keys->suite)}};
    if (offer.keys->salt) message["e2ee"]["salt"] = offer.keys->saltHex();
  }
  return message.dump();
}

std::string makeSubscribe(uint64_t id, const std::vector<control::SlotWish>& wishes) {
  Json message = request(id, "subscribe");
  message["slots"] = Json::array();
  for (const control::SlotWish& wish : wishes) {
    Json slot{{"mid", wish.mid}};
    switch (wish.mode) {
      case control::SlotWish::Mode::None:
        slot["mode"] = "none";
        break;
      case control::SlotWish::Mode::Auto:
        slot["mode"] = "auto";
        break;
      case control::SlotWish::Mode::Participant:
        slot["mode"] = "participant";
        slot["participant"] = wish.participant;
        slot["source"] = sourceName(wish.source);
        break;
    }
    if (wish.maxHeight > 0) slot["maxHeight"] = wish.maxHeight;
    slot["priority"] = wish.priority;
    message["slots"].push_back(std::move(slot));
  }
  return message.dump();
}

std::string makeMute(uint64_t id, TrackSource source, bool muted) {
  Json message = request(id, "mute");
  message["source"] = sourceName(source);
  message["muted"] = muted;
  return message.dump();
}

std::string makeRateCap(uint64_t id, std::optional<uint64_t> bitsPerSecond) {
  Json message = request(id, "rate-cap");
  message["bitsPerSecond"] = bitsPerSecond ? Json(*bitsPerSecond) : Json();
  return message.dump();
}

std::string makeLeave(uint64_t id) {
  return request(id, "leave").dump();
}

std::string makeAttach(uint64_t id, const std::string& token) {
  Json message = request(id, "attach");
  message["token"] = token;
  return message.dump();
}

std::string makeSend(uint64_t id, const e2ee::OutgoingMessage& outgoing) {
  static constexpr const char* types[] = {"prekey", "signal", "error"};
  Json message = request(id, "send");
  message["messageId"] = toHex(outgoing.id);
  message["purpose"] = outgoing.purpose;
  message["group"] = outgoing.group;
  if (!outgoing.shared.empty()) message["shared"] = toBase64(outgoing.shared);
  message["store"] = outgoing.store;
  message["recipients"] = Json::array();
  for (const e2ee::Envelope& envelope : outgoing.recipients) {
    message["recipients"].push_back({{"user", envelope.to.user},
                                     {"device", envelope.to.device},
                                     {"type", types[static_cast<size_t>(envelope.type)]},
                                     {"body", toBase64(envelope.body)}});
  }
  return message.dump();
}

std::string makeInvite(uint64_t id, const std::vector<std::string>& users) {
  Json message = request(id, "invite");
  message["users"] = users;
  return message.dump();
}

std::string makeAck(uint64_t id, uint64_t upTo) {
  Json message = request(id, "ack");
  message["upTo"] = upTo;
  return message.dump();
}

const char* sourceName(TrackSource source) {
  switch (source) {
    case TrackSource::Microphone:
      return "microphone";
    case TrackSource::Camera:
      return "camera";
    case TrackSource::Screen:
      return "screen";
  }
  return "";
}

}  // namespace sotto::client::call
