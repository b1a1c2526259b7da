#include <catch2/catch.hpp>

#include "World.hpp"

namespace sotto::signaling::test {
namespace {

struct Call {
  World world;
  Client alice{world}, bob{world};
  Call() {
    alice.join("alice");
    bob.join("bob");
    alice.offer("chromium-simulcast");
    bob.offer("firefox-simulcast");
    alice.forget();
    bob.forget();
  }
};

TEST_CASE("Wishes reach the worker") {
  Call call;
  const json wish{{"mid", "5"},         {"mode", "participant"}, {"participant", call.bob.self()},
                  {"source", "camera"}, {"maxHeight", 720},      {"priority", 10}};
  CHECK(Client::code(call.alice.request({{"type", "subscribe"}, {"slots", {wish}}})) == "");
  const auto request = call.world.media.last<control::SetSlotWishes>();
  CHECK(request.endpoint == call.alice.self());
  REQUIRE(request.wishes.size() == 1);
  CHECK(request.wishes[0].participant == call.bob.self());
  CHECK(request.wishes[0].maxHeight == 720);
}

TEST_CASE("Wishes for what is not there are refused") {
  Call call;
  const auto subscribe = [&call](json slots) {
    return Client::code(call.alice.request({{"type", "subscribe"}, {"slots", std::move(slots)}}));
  };
  CHECK(subscribe({{{"mid", "99"}, {"mode", "auto"}}}) == "bad_slot");
  CHECK(subscribe({{{"mid", "2"}, {"mode", "auto"}}}) == "bad_slot");  // an audio slot
  CHECK(subscribe({{{"mid", "5"}, {"mode", "auto"}}, {{"mid", "5"}, {"mode", "none"}}}) == "bad_slot");
  CHECK(subscribe({{{"mid", "5"}, {"mode", "participant"}, {"participant", "p_nobody"}}}) ==
        "unknown_participant");
  CHECK(call.world.media.all<control::SetSlotWishes>().empty());
}

TEST_CASE("Without an offer there is no slot to wish for") {
  World world;
  Client alice(world);
  alice.join("alice");
  CHECK(Client::code(alice.request({{"type", "subscribe"}, {"slots", {{{"mid", "5"}, {"mode", "auto"}}}}})) ==
        "bad_slot");
  CHECK(Client::code(alice.request({{"type", "subscribe"}, {"slots", json::array()}})) == "");
}

TEST_CASE("Muting is told to everybody and to the worker, and outlives a new connection") {
  Call call;
  CHECK(Client::code(call.alice.request({{"type", "mute"}, {"source", "microphone"}, {"muted", true}})) ==
        "");
  const auto request = call.world.media.last<control::SetTrackMuted>();
  CHECK(request.mid == "0");
  CHECK(request.muted);
  REQUIRE(call.bob.events("participant-updated").size() == 1);
  CHECK(call.bob.events("participant-updated")[0]["participant"]["tracks"][0]["muted"] == true);
  CHECK(Client::code(call.alice.request({{"type", "mute"}, {"source", "microphone"}, {"muted", true}})) ==
        "");
  CHECK(call.bob.events("participant-updated").size() == 1);

  call.alice.offer("firefox-simulcast");
  CHECK(call.world.media.last<control::CreateEndpoint>().parameters.tracks[0].muted);
}

TEST_CASE("What is not published cannot be muted") {
  Call call;
  CHECK(Client::code(call.alice.request({{"type", "mute"}, {"source", "screen"}, {"muted", true}})) ==
        "unknown_track");
}

TEST_CASE("A rate cap reaches the worker, and is lifted") {
  Call call;
  CHECK(Client::code(call.alice.request({{"type", "rate-cap"}, {"bitsPerSecond", 800'000}})) == "");
  CHECK(call.world.media.last<control::SetRateCap>().bitsPerSecond == 800'000u);
  CHECK(Client::code(call.alice.request({{"type", "rate-cap"}, {"bitsPerSecond", nullptr}})) == "");
  CHECK_FALSE(call.world.media.last<control::SetRateCap>().bitsPerSecond);
}

TEST_CASE("What the worker refuses, or cannot hear, is told") {
  Call call;
  call.world.media.nextError = "no such endpoint";
  CHECK(Client::code(call.alice.request({{"type", "rate-cap"}, {"bitsPerSecond", 1}})) == "internal");
  const uint64_t id = call.alice.send({{"type", "rate-cap"}, {"bitsPerSecond", 1}});
  call.world.media.loseRoom("demo");
  CHECK(Client::code(call.alice.reply(id)) == "media_unavailable");
}

TEST_CASE(
    "A wish that was on its way to a worker that died is no error of the server, wherever the room is now") {
  Call call;
  const uint64_t id = call.alice.send({{"type", "rate-cap"}, {"bitsPerSecond", 1}});
  const auto asked = std::exchange(call.world.media.pending, {});
  call.world.service.onRoomLost("demo", "worker 1 died");
  call.world.media.answerAll();
  REQUIRE(call.world.media.address("demo"));
  for (const auto& request : asked) request.done({0, "the worker went away", std::nullopt});
  CHECK(Client::code(call.alice.reply(id)) == "media_unavailable");
  CHECK(call.world.counter("signaling_errors_total{code=\"internal\"}") == 0);
}

}  // namespace
}  // namespace sotto::signaling::test
