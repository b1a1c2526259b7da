#include "signaling/Messages.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace sotto::signaling {
namespace {

using nlohmann::json;

const Limits limits;

template <typename T>
T body(const json& message) {
  const auto parsed = parseMessage(message.dump(), limits);
  REQUIRE(parsed);
  REQUIRE(std::holds_alternative<T>(parsed->body));
  return std::get<T>(parsed->body);
}

TEST_CASE("A join is read") {
  const auto join = body<JoinRequest>({{"id", 1},
                                       {"type", "join"},
                                       {"version", 1},
                                       {"token", "t"},
                                       {"room", "demo"},
                                       {"unknown", {1, 2}},
                                       {"e2ee", {{"suites", {"duo", "aes128gcm"}}}},
                                       {"resume", {{"session", "s_1"}, {"secret", "x"}}}});
  CHECK(join.version == 1);
  CHECK(join.token == "t");
  CHECK(join.room == "demo");
  CHECK(join.suites == std::vector<std::string>{"duo", "aes128gcm"});
  REQUIRE(join.resume);
  CHECK(join.resume->session == "s_1");
}

TEST_CASE("An offer is read, and e2ee is kept as it is") {
  const auto offer =
      body<OfferRequest>({{"id", 1},
                          {"type", "offer"},
                          {"sdp", "v=0"},
                          {"tracks", {{{"mid", "0"}, {"source", "microphone"}, {"muted", true}}}},
                          {"e2ee", {{"suite", "duo"}, {"salt", "00"}, {"more", {1}}}}});
  CHECK(offer.sdp == "v=0");
  REQUIRE(offer.tracks);
  CHECK(offer.tracks->at(0).mid == "0");
  CHECK(offer.tracks->at(0).muted == true);
  CHECK(json::parse(*offer.e2ee) == json{{"suite", "duo"}, {"salt", "00"}, {"more", {1}}});
  CHECK(offer.suite == "duo");
  CHECK_FALSE(body<OfferRequest>({{"id", 1}, {"type", "offer"}, {"sdp", ""}}).tracks);
}

TEST_CASE("Wishes are read") {
  const auto subscribe = body<SubscribeRequest>({{"id", 1},
                                                 {"type", "subscribe"},
                                                 {"slots",
                                                  {{{"mid", "5"},
                                                    {"mode", "participant"},
                                                    {"participant", "p_1"},
                                                    {"source", "screen"},
                                                    {"maxHeight", 720},
                                                    {"priority", 10}},
                                                   {{"mid", "6"}, {"mode", "auto"}},
                                                   {{"mid", "7"}, {"mode", "none"}}}}});
  REQUIRE(subscribe.wishes.size() == 3);
  using Mode = control::SlotWish::Mode;
  CHECK(subscribe.wishes[0] ==
        control::SlotWish{"5", Mode::Participant, "p_1", control::TrackSource::Screen, 720, 10});
  CHECK(subscribe.wishes[1] == control::SlotWish{"6", Mode::Auto, "", control::TrackSource::Camera, 0, 0});
  CHECK(subscribe.wishes[2].mode == Mode::None);
}

TEST_CASE("A rate cap is a number or null") {
  CHECK(body<RateCapRequest>({{"id", 1}, {"type", "rate-cap"}, {"bitsPerSecond", 800000}}).bitsPerSecond ==
        800000u);
  CHECK(body<RateCapRequest>({{"id", 1}, {"type", "rate-cap"}, {"bitsPerSecond", 800000.0}}).bitsPerSecond ==
        800000u);
  CHECK_FALSE(
      body<RateCapRequest>({{"id", 1}, {"type", "rate-cap"}, {"bitsPerSecond", nullptr}}).bitsPerSecond);
}

TEST_CASE("A message that cannot be read says why, and to which request") {
  struct Case {
    std::string text;
    std::optional<uint64_t> id;
    ErrorCode code;
    std::string message;
  };
  const std::string subscribe = R"({"id":9,"type":"subscribe","slots":)";
  const auto bad = ErrorCode::BadMessage;
  const std::vector<Case> cases{
      {"", {}, bad, "the message is not JSON"},
      {"{", {}, bad, "the message is not JSON"},
      {"\"\xff\"", {}, bad, "the message is not JSON"},
      {"[]", {}, bad, "the message must be a JSON object"},
      {"{}", {}, bad, "\"id\" is missing"},
      {R"({"id":0,"type":"ping"})", {}, bad, "\"id\" must be positive"},
      {R"({"id":-1,"type":"ping"})", {}, bad, "\"id\" must be a whole number in 0..9007199254740992"},
      {R"({"id":1.5,"type":"ping"})", {}, bad, "\"id\" must be a whole number in 0..9007199254740992"},
      {R"({"id":1e300,"type":"ping"})", {}, bad, "\"id\" must be a whole number in 0..9007199254740992"},
      {R"({"id":"1","type":"ping"})", {}, bad, "\"id\" must be a whole number in 0..9007199254740992"},
      {R"({"id":9})", {}, bad, "\"type\" is missing"},
      {R"({"id":9,"type":5})", {}, bad, "\"type\" must be a string"},
      {R"({"id":9,"type":"dance"})", 9, ErrorCode::UnknownType, "there is no request of this type"},
      {R"({"id":9,"type":"join"})", 9, bad, "\"version\" is missing"},
      {R"({"id":9,"type":"join","version":1})", 9, bad, "\"token\" is missing"},
      {R"({"id":9,"type":"join","version":1,"token":"t","e2ee":5})", 9, bad, "\"e2ee\" must be an object"},
      {R"({"id":9,"type":"join","version":1,"token":"t","e2ee":{"suites":{}}})", 9, bad,
       "\"suites\" must be a list"},
      {R"({"id":9,"type":"join","version":1,"token":"t","e2ee":{"suites":[5]}})", 9, bad,
       "\"suites\" has an entry of a wrong type"},
      {R"({"id":9,"type":"join","version":1,"token":"t","resume":"s"})", 9, bad,
       "\"resume\" must be an object"},
      {R"({"id":9,"type":"join","version":1,"token":"t","resume":{"session":"s"}})", 9, bad,
       "\"secret\" is missing"},
      {R"({"id":9,"type":"offer"})", 9, bad, "\"sdp\" is missing"},
      {R"({"id":9,"type":"offer","sdp":"v=0","tracks":["0"]})", 9, bad, "\"tracks\" must hold objects"},
      {R"({"id":9,"type":"offer","sdp":"v=0","tracks":[{"mid":"0","source":"nose"}]})", 9, bad,
       "\"source\" must be microphone, camera or screen"},
      {R"({"id":9,"type":"offer","sdp":"v=0","tracks":[{"mid":"0","source":"camera","muted":1}]})", 9, bad,
       "\"muted\" must be true or false"},
      {R"({"id":9,"type":"offer","sdp":"v=0","e2ee":[]})", 9, bad, "\"e2ee\" must be an object"},
      {subscribe + "5}", 9, bad, "\"slots\" must be a list"},
      {subscribe + R"([{"mode":"auto"}]})", 9, bad, "\"mid\" is missing"},
      {subscribe + R"([{"mid":"1","mode":"all"}]})", 9, bad, "\"mode\" must be participant, auto or none"},
      {subscribe + R"([{"mid":"1","mode":"participant"}]})", 9, bad, "\"participant\" is missing"},
      {subscribe + R"([{"mid":"1","mode":"auto","source":"microphone"}]})", 9, bad,
       "\"source\" must be camera or screen"},
      {subscribe + R"([{"mid":"1","mode":"auto","priority":101}]})", 9, bad,
       "\"priority\" must be a whole number in 0..100"},
      {subscribe + R"([{"mid":"1","mode":"auto","maxHeight":-1}]})", 9, bad,
       "\"maxHeight\" must be a whole number in 0..65535"},
      {R"({"id":9,"type":"mute","source":"camera"})", 9, bad, "\"muted\" must be true or false"},
      {R"({"id":9,"type":"rate-cap"})", 9, bad, "\"bitsPerSecond\" is missing"},
      {R"({"id":9,"type":"rate-cap","bitsPerSecond":"much"})", 9, bad,
       "\"bitsPerSecond\" must be a whole number in 0..9007199254740992"},
  };
  for (const auto& [text, id, code, message] : cases) {
    CAPTURE(text);
    const auto parsed = parseMessage(text, limits);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().id == id);
    CHECK(parsed.error().error.code == code);
    CHECK(parsed.error().error.message == message);
  }
}

TEST_CASE("A JSON bomb is refused before it is built") {
  const std::string nested = std::string(100'000, '[') + std::string(100'000, ']');
  CHECK(parseMessage(nested, limits).error().error.message == "the message nests deeper than 16 levels");
  const std::string objects =
      R"({"id":1,"type":"ping","x":)" + std::string(16, '[') + std::string(16, ']') + "}";
  CHECK(parseMessage(objects, limits).error().error.message == "the message nests deeper than 16 levels");
  const std::string brackets = R"({"id":1,"type":"ping","x":"\"[[[[[[[[[[[[[[[[[[[[[["})";
  CHECK(parseMessage(brackets, limits));
  const std::string long_ = R"({"id":1,"type":"ping","x":")" + std::string(300'000, 'x') + "\"}";
  CHECK(parseMessage(long_, limits).error().error.message == "the message has more than 262144 bytes");
}

TEST_CASE("What a participant publishes about its keys is bounded") {
  const json offer{
      {"id", 1}, {"type", "offer"}, {"sdp", "v=0"}, {"e2ee", {{"salt", std::string(5000, '0')}}}};
  CHECK(parseMessage(offer.dump(), limits).error().error.message == "\"e2ee\" has more than 4096 bytes");
}

TEST_CASE("Lists are bounded") {
  json slots = json::array();
  for (int i = 0; i < 129; ++i) slots.push_back({{"mid", "1"}, {"mode", "none"}});
  const json message{{"id", 1}, {"type", "subscribe"}, {"slots", slots}};
  CHECK(parseMessage(message.dump(), limits).error().error.message == "\"slots\" has more than 128 entries");
}

TEST_CASE("Errors carry their details") {
  RequestError error{ErrorCode::BadSdp, "no", 12, "a=\xff", {}};
  CHECK(json::parse(errorReply(3, error)) ==
        json{{"reply", 3},
             {"ok", false},
             {"error",
              {{"code", "bad_sdp"}, {"message", "no"}, {"details", {{"line", 12}, {"text", "a=\uFFFD"}}}}}});
  error = {ErrorCode::Internal, "no", 0, "", {}};
  CHECK(json::parse(errorEvent(error)) ==
        json{{"event", "error"}, {"error", {{"code", "internal"}, {"message", "no"}}}});
}

TEST_CASE("Events are written as the contract says") {
  CHECK(json::parse(slotsEvent({{"5", "p_1", control::TrackSource::Screen}, {"6", "", {}}})) ==
        json{{"event", "slots"},
             {"slots",
              {{{"mid", "5"}, {"participant", "p_1"}, {"source", "screen"}},
               {{"mid", "6"}, {"participant", nullptr}}}}});
  CHECK(json::parse(speakersEvent({{"p_1", 30}})) ==
        json{{"event", "speakers"}, {"speakers", {{{"participant", "p_1"}, {"level", 30}}}}});
  CHECK(json::parse(layersEvent({{"5", 640, 360, 500'000, "rate-cap"}})) ==
        json{{"event", "layers"},
             {"slots",
              {{{"mid", "5"},
                {"width", 640},
                {"height", 360},
                {"bitsPerSecond", 500'000},
                {"reason", "rate-cap"}}}}});
  CHECK(json::parse(participantLeftEvent("p_1", "timeout")) ==
        json{{"event", "participant-left"}, {"participant", "p_1"}, {"reason", "timeout"}});
}

}  // namespace
}  // namespace sotto::signaling
