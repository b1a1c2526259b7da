#include "media/control/Codec.hpp"

#include <catch2/catch.hpp>

namespace sotto::control {
namespace {

EndpointParameters sampleEndpoint() {
  EndpointParameters p;
  p.room = "demo";
  p.endpoint = "p_1";
  p.sender = 65535;
  p.ice = {"lu", "lp", "ru", "rp"};
  p.fingerprint = {"sha-256", "AB:CD"};
  Track camera;
  camera.mid = "1";
  camera.kind = MediaKind::Video;
  camera.source = TrackSource::Camera;
  camera.muted = true;
  camera.codecs = {{"VP8", 96, 90000, 97}, {"VP9", 98, 90000, std::nullopt}};
  camera.extensions = {1, 2, 3, 4, 5, 14};
  camera.rids = {"q", "h", "f"};
  camera.ssrcs = {{0xffffffff, 0}, {1, 2}};
  p.tracks = {camera, Track{}};
  p.slots = {{"5", MediaKind::Video, 77, 78, {{"VP8", 100, 90000, 101}}, {1, 0, 0, 0, 5, 0}}};
  p.data = DataTransport{5001, 262'144};
  return p;
}

/// Every request once, with values that are not the defaults.
std::vector<RequestBody> sampleRequests() {
  return {CreateRoom{"räume \"1\"\n", E2eePolicy::Off, 7},
          CloseRoom{"demo"},
          CreateEndpoint{sampleEndpoint()},
          UpdateEndpoint{sampleEndpoint()},
          RemoveEndpoint{"demo", "p_1"},
          SetSlotWishes{"demo",
                        "p_1",
                        {{"5", SlotWish::Mode::Participant, "p_2", TrackSource::Screen, 720, 100},
                         {"6", SlotWish::Mode::Auto, "", TrackSource::Camera, 0, 0}}},
          SetRateCap{"demo", "p_1", 800'000},
          SetRateCap{"demo", "p_1", std::nullopt},
          SetTrackMuted{"demo", "p_1", "1", true},
          GetStatistics{}};
}

std::vector<Event> sampleEvents() {
  return {WorkerReady{40'001, {"sha-256", "AB"}, true, true},
          EndpointStateChanged{"demo", "p_1", EndpointState::Closed, "close_notify"},
          SlotsBound{"demo", "p_1", {{"5", "p_2", TrackSource::Screen}, {"6", "", TrackSource::Camera}}},
          SpeakersChanged{"demo", {{"p_1", 0}, {"p_2", 127}}},
          LayersChanged{"demo", "p_1", {{"5", 1280, 720, 1'500'000, "rate-cap"}}},
          DataChannelChanged{"demo", "p_1", true, "none"}};
}

std::string decodeError(std::string_view text) {
  const auto request = decodeRequest(text);
  return request ? "" : request.error().message;
}

std::string workerError(std::string_view text) {
  const auto message = decodeWorkerMessage(text);
  return message ? "" : message.error().message;
}

}  // namespace

TEST_CASE("an endpoint's parameters survive the way through JSON unchanged") {
  const auto decoded = decodeRequest(encode(Request{7, CreateEndpoint{sampleEndpoint()}}));
  REQUIRE(decoded.has_value());
  CHECK(decoded->id == 7);
  REQUIRE(std::holds_alternative<CreateEndpoint>(decoded->body));
  CHECK(std::get<CreateEndpoint>(decoded->body).parameters == sampleEndpoint());
}

TEST_CASE("every request decodes to what was encoded") {
  const auto bodies = sampleRequests();
  std::vector<bool> covered(std::variant_size_v<RequestBody>);
  for (const RequestBody& body : bodies) {
    const std::string text = encode(Request{UINT64_MAX, body});
    INFO(text);
    const auto decoded = decodeRequest(text);
    REQUIRE(decoded.has_value());
    CHECK(decoded->id == UINT64_MAX);
    CHECK(decoded->body.index() == body.index());
    CHECK(encode(*decoded) == text);
    covered[body.index()] = true;
  }
  CHECK(std::count(covered.begin(), covered.end(), true) == std::ptrdiff_t(covered.size()));
}

TEST_CASE("every event decodes to what was encoded") {
  std::vector<bool> covered(std::variant_size_v<Event>);
  for (const Event& event : sampleEvents()) {
    const std::string text = encode(event);
    INFO(text);
    const auto decoded = decodeWorkerMessage(text);
    REQUIRE(decoded.has_value());
    REQUIRE(std::holds_alternative<Event>(*decoded));
    CHECK(std::get<Event>(*decoded).index() == event.index());
    CHECK(encode(std::get<Event>(*decoded)) == text);
    covered[event.index()] = true;
  }
  CHECK(std::count(covered.begin(), covered.end(), true) == std::ptrdiff_t(covered.size()));
}

TEST_CASE("values of events and wishes keep their meaning") {
  const auto bound = decodeWorkerMessage(encode(sampleEvents()[2]));
  REQUIRE(bound.has_value());
  CHECK(std::get<SlotsBound>(std::get<Event>(*bound)).bindings ==
        std::get<SlotsBound>(sampleEvents()[2]).bindings);
  const auto layers = decodeWorkerMessage(encode(sampleEvents()[4]));
  REQUIRE(layers.has_value());
  CHECK(std::get<LayersChanged>(std::get<Event>(*layers)).layers ==
        std::get<LayersChanged>(sampleEvents()[4]).layers);
  const auto wishes = decodeRequest(encode(Request{1, sampleRequests()[5]}));
  REQUIRE(wishes.has_value());
  CHECK(std::get<SetSlotWishes>(wishes->body).wishes == std::get<SetSlotWishes>(sampleRequests()[5]).wishes);
}

TEST_CASE("replies decode with and without statistics and errors") {
  Reply reply{9, "no such room", std::nullopt};
  auto decoded = decodeWorkerMessage(encode(reply));
  REQUIRE(decoded.has_value());
  CHECK(std::get<Reply>(*decoded).id == 9);
  CHECK(std::get<Reply>(*decoded).error == "no such room");
  CHECK_FALSE(std::get<Reply>(*decoded).statistics.has_value());

  reply = {10, "", Statistics{{{"packets_received_total", UINT64_MAX}, {"drops{reason=\"x\"}", 0}}}};
  decoded = decodeWorkerMessage(encode(reply));
  REQUIRE(decoded.has_value());
  CHECK(std::get<Reply>(*decoded).statistics->counters == reply.statistics->counters);
}

TEST_CASE("text that is not UTF-8 does not stop a message") {
  const auto decoded = decodeRequest(encode(Request{1, CloseRoom{"a\xff"}}));
  REQUIRE(decoded.has_value());
  CHECK(std::get<CloseRoom>(decoded->body).room == "a\xEF\xBF\xBD");
}

TEST_CASE("a bad message is explained") {
  CHECK(decodeError("") == "not a JSON object");
  CHECK(decodeError("[1]") == "not a JSON object");
  CHECK(decodeError("{}") == "request is missing");
  CHECK(decodeError(R"({"request":"close_room","room":"r"})") == "id is missing");
  CHECK(decodeError(R"({"id":-1,"request":"close_room","room":"r"})") ==
        "id: expected a whole number from 0 to 18446744073709551615");
  CHECK(decodeError(R"({"id":1,"request":"fly"})") == "request: expected the name of a known request");
  CHECK(decodeError(R"({"id":1,"request":7})") == "request: expected the name of a known request");
  CHECK(decodeError(R"({"id":1,"request":"close_room"})") == "close_room: room is missing");
  CHECK(decodeError(R"({"id":1,"request":"close_room","room":5})") == "close_room: room: expected text");
  CHECK(decodeError(R"({"id":1,"request":"create_room","room":"r","e2ee":"maybe","audioSpeakers":1})") ==
        "create_room: e2ee: expected one of required, optional, off");
  CHECK(
      decodeError(R"({"id":1,"request":"create_room","room":"r","e2ee":"off","audioSpeakers":4294967296})") ==
      "create_room: audioSpeakers: expected a whole number from 0 to 4294967295");
  CHECK(decodeError(R"({"id":1,"request":"set_slot_wishes","room":"r","endpoint":"e","wishes":[5]})") ==
        "set_slot_wishes: wishes[0]: expected an object");
  CHECK(decodeError(R"({"id":1,"request":"set_slot_wishes","room":"r","endpoint":"e","wishes":{}})") ==
        "set_slot_wishes: wishes: expected a list");
  CHECK(workerError("{}") == "neither a reply nor an event");
  CHECK(workerError(R"({"event":"worker_ready","udpPort":65536,"fingerprint":{}})") ==
        "worker_ready: udpPort: expected a whole number from 0 to 65535");
  CHECK(workerError(R"({"event":"nothing"})") == "event: expected the name of a known event");
  CHECK(workerError(R"({"reply":1,"error":"","statistics":5})") == "reply: statistics: expected an object");
}

TEST_CASE("deep nesting is refused without harm") {
  CHECK_FALSE(decodeRequest(std::string(1'000'000, '[')).has_value());
  CHECK_FALSE(
      decodeRequest("{\"id\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}").has_value());
}

}  // namespace sotto::control
