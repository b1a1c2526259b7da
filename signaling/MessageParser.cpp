// Requests from JSON. A message is bounded in size and depth before it is read; every complaint names the
// key.
#include <algorithm>
#include <array>

#include "signaling/Identifiers.hpp"
#include "signaling/JsonReader.hpp"
#include "signaling/Messages.hpp"
#include "signaling/SendReader.hpp"
#include "signaling/Tokens.hpp"

namespace sotto::signaling {
namespace {

using namespace reading;

constexpr uint64_t maxPriority = 100;
constexpr uint64_t maxHeight = 65535;
constexpr size_t maxListedSuites = 16;
/// Ids and secrets are ours, and short; tokens are bounded by verifyToken().
constexpr size_t maxIdBytes = 128;

control::TrackSource source(const json& object, const char* key) {
  const std::string name = requireText(object, key, maxIdBytes);
  for (const auto candidate :
       {control::TrackSource::Microphone, control::TrackSource::Camera, control::TrackSource::Screen}) {
    if (name == sourceName(candidate)) return candidate;
  }
  bad(std::string("\"") + key + "\" must be microphone, camera or screen");
}

JoinRequest parseJoin(const json& message) {
  JoinRequest join;
  join.version = static_cast<int64_t>(integer(message, "version", maxInteger));
  join.token = requireText(message, "token");
  if (find(message, "room") != nullptr) join.room = requireText(message, "room");
  if (const json* e2ee = find(message, "e2ee")) {
    if (!e2ee->is_object()) bad("\"e2ee\" must be an object");
    if (find(*e2ee, "suites") != nullptr) {
      for (const auto& suite : list(*e2ee, "suites", maxListedSuites)) {
        if (!suite.is_string()) bad("\"suites\" must hold strings");
        join.suites.push_back(suite.get<std::string>());
      }
    }
  }
  if (const json* resume = find(message, "resume")) {
    if (!resume->is_object()) bad("\"resume\" must be an object");
    join.resume = {requireText(*resume, "session", maxIdBytes), requireText(*resume, "secret", maxIdBytes)};
  }
  return join;
}

OfferRequest parseOffer(const json& message, const Limits& limits) {
  OfferRequest offer;
  offer.sdp = requireText(message, "sdp");
  if (find(message, "tracks") != nullptr) {
    offer.tracks.emplace();
    for (const auto& entry : list(message, "tracks", limits.mediaLines)) {
      const json& object = objectEntry(entry, "tracks");
      NamedTrack track{requireText(object, "mid", maxIdBytes), source(object, "source"), std::nullopt};
      if (find(object, "muted") != nullptr) track.muted = boolean(object, "muted");
      offer.tracks->push_back(std::move(track));
    }
  }
  if (const json* e2ee = find(message, "e2ee")) {
    if (!e2ee->is_object()) bad("\"e2ee\" must be an object");
    offer.e2ee = e2ee->dump();
    if (offer.e2ee->size() > limits.e2eeBytes) {
      bad("\"e2ee\" has more than " + std::to_string(limits.e2eeBytes) + " bytes");
    }
    if (find(*e2ee, "suite") != nullptr) offer.suite = requireText(*e2ee, "suite", maxIdBytes);
  }
  return offer;
}

SubscribeRequest parseSubscribe(const json& message, const Limits& limits) {
  using Mode = control::SlotWish::Mode;
  static constexpr std::array<std::pair<std::string_view, Mode>, 3> modes{
      {{"participant", Mode::Participant}, {"auto", Mode::Auto}, {"none", Mode::None}}};
  SubscribeRequest subscribe;
  for (const auto& entry : list(message, "slots", limits.mediaLines)) {
    const json& object = objectEntry(entry, "slots");
    control::SlotWish wish;
    wish.mid = requireText(object, "mid", maxIdBytes);
    const std::string name = requireText(object, "mode", maxIdBytes);
    const auto mode =
        std::find_if(modes.begin(), modes.end(), [&name](const auto& m) { return m.first == name; });
    if (mode == modes.end()) bad("\"mode\" must be participant, auto or none");
    wish.mode = mode->second;
    if (wish.mode == Mode::Participant) wish.participant = requireText(object, "participant", maxIdBytes);
    if (find(object, "source") != nullptr) wish.source = source(object, "source");
    if (wish.source == control::TrackSource::Microphone) bad("\"source\" must be camera or screen");
    wish.maxHeight = static_cast<uint32_t>(integer(object, "maxHeight", maxHeight, 0));
    wish.priority = static_cast<uint32_t>(integer(object, "priority", maxPriority, 0));
    subscribe.wishes.push_back(std::move(wish));
  }
  return subscribe;
}

RateCapRequest parseRateCap(const json& message) {
  if (!message.contains("bitsPerSecond")) bad("\"bitsPerSecond\" is missing");
  if (find(message, "bitsPerSecond") == nullptr) return {};
  return {integer(message, "bitsPerSecond", maxInteger)};
}

AttachRequest parseAttach(const json& message) {
  AttachRequest attach;
  if (find(message, "token") != nullptr) attach.token = requireText(message, "token");
  attach.after = integer(message, "after", maxInteger, 0);
  return attach;
}

std::vector<std::string> parseUsers(const json& message, const Limits& limits) {
  std::vector<std::string> users;
  for (const auto& user : list(message, "users", limits.invitedPerRoom)) {
    if (!user.is_string() || !isDisplayable(user.get_ref<const std::string&>(), maxNameBytes)) {
      bad("\"users\" must hold names of 1 to 128 bytes without control characters");
    }
    users.push_back(user.get<std::string>());
  }
  return users;
}

RequestMessage parseBody(const json& message, const std::string& type, const Limits& limits) {
  if (type == "join") return parseJoin(message);
  if (type == "offer") return parseOffer(message, limits);
  if (type == "subscribe") return parseSubscribe(message, limits);
  if (type == "mute") return MuteRequest{source(message, "source"), boolean(message, "muted")};
  if (type == "rate-cap") return parseRateCap(message);
  if (type == "leave") return LeaveRequest{};
  if (type == "ping") return PingRequest{};
  if (type == "attach") return parseAttach(message);
  if (type == "send") return readSend(message, limits.messages);
  if (type == "ack") return AckRequest{integer(message, "upTo", maxInteger)};
  if (type == "invite") return InviteRequest{parseUsers(message, limits), true};
  if (type == "uninvite") return InviteRequest{parseUsers(message, limits), false};
  bad("there is no request of this type", ErrorCode::UnknownType);
}

}  // namespace

tl::expected<ClientMessage, MessageFailure> parseMessage(std::string_view text, const Limits& limits) {
  MessageFailure failure;
  try {
    const json message = parseObject(text, limits.messageBytes);
    const uint64_t id = integer(message, "id", maxInteger);
    if (id == 0) bad("\"id\" must be positive");
    const std::string type = requireText(message, "type");
    failure.id = id;
    return ClientMessage{id, parseBody(message, type, limits)};
  } catch (Refusal& refusal) {
    failure.error = std::move(refusal.error);
  }
  return tl::make_unexpected(std::move(failure));
}

}  // namespace sotto::signaling
