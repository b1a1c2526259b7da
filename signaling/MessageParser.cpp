// Requests from JSON. A message is bounded in size and depth before it is read; every complaint names the
// key.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "signaling/Identifiers.hpp"
#include "signaling/Messages.hpp"

namespace sotto::signaling {
namespace {

using nlohmann::json;

/// The deepest message of the protocol nests three levels; what a participant publishes in `e2ee` may add
/// some.
constexpr size_t maxDepth = 16;
/// 2^53: beyond it, JavaScript clients could not tell ids apart.
constexpr uint64_t maxInteger = uint64_t{1} << 53;
constexpr uint64_t maxPriority = 100;
constexpr uint64_t maxHeight = 65535;
constexpr size_t maxListedSuites = 16;
/// Ids and secrets are ours, and short; tokens are bounded by verifyToken().
constexpr size_t maxIdBytes = 128;

/// Thrown within this file only, to leave a half-read message.
struct Refusal {
  RequestError error;
};

[[noreturn]] void bad(std::string message) {
  throw Refusal{{ErrorCode::BadMessage, std::move(message), 0, {}, {}}};
}

/// Whether brackets nest deeper than maxDepth; strings are skipped.
bool nestsTooDeep(std::string_view text) {
  size_t depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString) {
      if (c == '\\') ++i;
      if (c == '"') inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      if (++depth > maxDepth) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

const json* find(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string requireText(const json& object, const char* key, size_t maxBytes = SIZE_MAX) {
  const json* value = find(object, key);
  if (value == nullptr) bad(std::string("\"") + key + "\" is missing");
  if (!value->is_string()) bad(std::string("\"") + key + "\" must be a string");
  const auto& found = value->get_ref<const std::string&>();
  if (found.size() > maxBytes) bad(std::string("\"") + key + "\" is too long");
  return found;
}

uint64_t integer(const json& object, const char* key, uint64_t max,
                 std::optional<uint64_t> absent = std::nullopt) {
  const json* value = find(object, key);
  if (value == nullptr) {
    if (!absent) bad(std::string("\"") + key + "\" is missing");
    return *absent;
  }
  // Some JSON writers make 5.0 of 5.
  const double number = value->is_number() ? value->get<double>() : -1;
  if (!(number >= 0) || number > static_cast<double>(max) || std::floor(number) != number) {
    bad(std::string("\"") + key + "\" must be a whole number in 0.." + std::to_string(max));
  }
  return static_cast<uint64_t>(number);
}

bool boolean(const json& object, const char* key) {
  const json* value = find(object, key);
  if (value == nullptr || !value->is_boolean()) bad(std::string("\"") + key + "\" must be true or false");
  return value->get<bool>();
}

const json& list(const json& object, const char* key, size_t maxEntries) {
  const json* value = find(object, key);
  if (value == nullptr || !value->is_array()) bad(std::string("\"") + key + "\" must be a list");
  if (value->size() > maxEntries) {
    bad(std::string("\"") + key + "\" has more than " + std::to_string(maxEntries) + " entries");
  }
  for (const auto& entry : *value) {
    if (!entry.is_object() && !entry.is_string())
      bad(std::string("\"") + key + "\" has an entry of a wrong type");
  }
  return *value;
}

control::TrackSource source(const json& object, const char* key) {
  const std::string name = requireText(object, key, maxIdBytes);
  for (const auto candidate :
       {control::TrackSource::Microphone, control::TrackSource::Camera, control::TrackSource::Screen}) {
    if (name == sourceName(candidate)) return candidate;
  }
  bad(std::string("\"") + key + "\" must be microphone, camera or screen");
}

const json& objectEntry(const json& entry, const char* key) {
  if (!entry.is_object()) bad(std::string("\"") + key + "\" must hold objects");
  return entry;
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

RequestMessage parseBody(const json& message, const std::string& type, const Limits& limits) {
  if (type == "join") return parseJoin(message);
  if (type == "offer") return parseOffer(message, limits);
  if (type == "subscribe") return parseSubscribe(message, limits);
  if (type == "mute") return MuteRequest{source(message, "source"), boolean(message, "muted")};
  if (type == "rate-cap") return parseRateCap(message);
  if (type == "leave") return LeaveRequest{};
  if (type == "ping") return PingRequest{};
  throw Refusal{{ErrorCode::UnknownType, "there is no request of this type", 0, {}, {}}};
}

}  // namespace

tl::expected<ClientMessage, MessageFailure> parseMessage(std::string_view text, const Limits& limits) {
  MessageFailure failure;
  try {
    if (text.size() > limits.messageBytes) {
      bad("the message has more than " + std::to_string(limits.messageBytes) + " bytes");
    }
    if (nestsTooDeep(text)) bad("the message nests deeper than " + std::to_string(maxDepth) + " levels");
    const json message = json::parse(text.begin(), text.end(), nullptr, false);
    if (message.is_discarded()) bad("the message is not JSON");
    if (!message.is_object()) bad("the message must be a JSON object");
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
