#include <catch2/catch.hpp>

#include "World.hpp"

namespace sotto::signaling::test {
namespace {

using base::TimeDelta;
using control::EndpointState;

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
  void state(const Client& of, EndpointState state, const std::string& reason = "") {
    world.service.onMediaEvent(control::EndpointStateChanged{"demo", of.self(), state, reason});
  }
};

TEST_CASE("Slots are told to their owner, with participants that are there") {
  Call call;
  call.world.service.onMediaEvent(
      control::SlotsBound{"demo",
                          call.alice.self(),
                          {{"5", call.bob.self(), control::TrackSource::Camera}, {"6", "p_gone", {}}}});
  REQUIRE(call.alice.events("slots").size() == 1);
  CHECK(call.alice.events("slots")[0]["slots"] ==
        json{{{"mid", "5"}, {"participant", call.bob.self()}, {"source", "camera"}},
             {{"mid", "6"}, {"participant", nullptr}}});
  CHECK(call.bob.events("slots").empty());
}

TEST_CASE("Speakers are told to everybody") {
  Call call;
  call.world.service.onMediaEvent(control::SpeakersChanged{"demo", {{call.bob.self(), 20}, {"p_gone", 30}}});
  const json expected = json::array({{{"participant", call.bob.self()}, {"level", 20}}});
  CHECK(call.alice.events("speakers").at(0)["speakers"] == expected);
  CHECK(call.bob.events("speakers").at(0)["speakers"] == expected);
}

TEST_CASE("Who joins while somebody speaks is told so") {
  Call call;
  call.world.service.onMediaEvent(control::SpeakersChanged{"demo", {{call.bob.self(), 20}}});
  Client carol(call.world);
  carol.join("carol");
  CHECK(carol.events("speakers").at(0)["speakers"] ==
        json::array({{{"participant", call.bob.self()}, {"level", 20}}}));
}

TEST_CASE("Whether a participant can be reached over its data channel is told to it and to the others") {
  Call call;
  call.world.service.onMediaEvent(control::DataChannelChanged{"demo", call.alice.self(), true, ""});
  CHECK(call.alice.events("data-channel").at(0)["open"] == true);
  CHECK(call.alice.events("participant-updated").empty());
  CHECK(call.bob.events("participant-updated").at(0)["participant"]["data"] == true);
  Client carol(call.world);
  const json roster = carol.join("carol")["roster"];
  for (const json& member : roster) CHECK(member["data"] == (member["id"] == call.alice.self()));

  call.world.service.onMediaEvent(control::DataChannelChanged{"demo", call.alice.self(), false, "too slow"});
  CHECK(call.alice.events("data-channel").at(1)["open"] == false);
  CHECK(call.alice.events("data-channel").at(1)["reason"] == "too slow");
  CHECK(call.bob.events("participant-updated").at(1)["participant"]["data"] == false);
}

TEST_CASE("A lost media connection takes its data channel with it") {
  Call call;
  call.world.service.onMediaEvent(control::DataChannelChanged{"demo", call.alice.self(), true, ""});
  call.bob.forget();
  call.state(call.alice, EndpointState::Failed, "consent was lost");
  CHECK(call.bob.events("participant-updated").at(0)["participant"]["data"] == false);
}

TEST_CASE("Layers are told to their owner") {
  Call call;
  call.world.service.onMediaEvent(
      control::LayersChanged{"demo", call.alice.self(), {{"5", 640, 360, 500'000, "rate-cap"}}});
  REQUIRE(call.alice.events("layers").size() == 1);
  CHECK(call.alice.events("layers")[0]["slots"][0]["reason"] == "rate-cap");
  CHECK(call.bob.events("layers").empty());
}

TEST_CASE("A connection that comes up and is lost is told to its owner") {
  Call call;
  call.state(call.alice, EndpointState::Connecting);
  CHECK(call.alice.connection->messages.empty());
  call.state(call.alice, EndpointState::Connected);
  CHECK(call.alice.events("media-connected").size() == 1);
  const auto state = GENERATE(EndpointState::Failed, EndpointState::Closed);
  call.state(call.alice, state, "consent was lost");
  CHECK(call.alice.events("media-restart").at(0)["reason"] == "consent was lost");
  CHECK(call.world.media.last<control::RemoveEndpoint>().endpoint == call.alice.self());
  CHECK(call.bob.connection->messages.empty());
  call.state(call.alice, state, "again");
  CHECK(call.alice.events("media-restart").size() == 1);

  CHECK(Client::code(call.alice.offer("chromium-simulcast")) == "");
  CHECK(call.world.media.all<control::CreateEndpoint>().size() == 3);
}

TEST_CASE("Reports of an endpoint that is being replaced do not concern the new one") {
  Call call;
  call.alice.send(offerOf("firefox-simulcast"));
  call.world.service.onMediaEvent(
      control::SlotsBound{"demo", call.alice.self(), {{"5", call.bob.self(), control::TrackSource::Camera}}});
  call.state(call.alice, EndpointState::Failed, "old");
  call.world.media.answerAll();
  CHECK(call.alice.events("media-restart").empty());
  CHECK(call.alice.events("slots").empty());
}

TEST_CASE("What is reported of a new endpoint before its answer is told after it") {
  World world;
  Client alice(world), bob(world);
  bob.join("bob");
  alice.join("alice");
  alice.forget();
  const uint64_t id = alice.send(offerOf("chromium-simulcast"));
  world.service.onMediaEvent(
      control::SlotsBound{"demo", alice.self(), {{"5", bob.self(), control::TrackSource::Camera}}});
  CHECK(alice.connection->messages.empty());
  world.media.answerAll();
  REQUIRE(alice.connection->messages.size() == 2);
  CHECK(alice.connection->messages[0]["reply"] == id);
  CHECK(alice.connection->messages[1]["slots"][0]["participant"] == bob.self());
}

TEST_CASE("A lost worker costs its rooms a new offer, and nothing else") {
  Call call;
  Client watcher(call.world), elsewhere(call.world);
  watcher.join("watcher");
  elsewhere.join("elsewhere", "other");
  elsewhere.offer("chromium-simulcast");
  watcher.forget();
  elsewhere.forget();
  call.world.media.loseRoom("demo");
  call.world.service.onRoomLost("demo", "worker 1 died");
  CHECK(call.alice.events("media-restart").at(0)["reason"] == "worker 1 died");
  CHECK(call.bob.events("media-restart").size() == 1);
  CHECK(watcher.events("media-restart").empty());
  CHECK(elsewhere.connection->messages.empty());
  CHECK(call.world.media.all<control::CreateRoom>().size() == 3);
  CHECK(call.world.media.last<control::CreateRoom>().room == "demo");

  const uint64_t id = call.alice.send(offerOf("chromium-reoffer-1"));
  CHECK(call.alice.reply(id).is_null());
  call.world.media.answerAll();
  CHECK(Client::code(call.alice.reply(id)) == "");
  CHECK(call.alice.joined["self"]["sender"] ==
        call.world.media.last<control::CreateEndpoint>().parameters.sender);
  CHECK(call.world.counter("signaling_rooms_lost_total") == 1);
}

TEST_CASE("A room whose new worker is slow to come is placed as soon as there is one") {
  Call call;
  call.world.media.workers = false;
  call.world.media.loseRoom("demo");
  call.world.service.onRoomLost("demo", "worker 1 died");
  const uint64_t id = call.alice.send(offerOf("chromium-simulcast"));
  for (int i = 0; i < 5; ++i) {
    call.world.media.answerAll();
    CHECK(call.world.service.nextDeadline() <= call.world.monotonic + TimeDelta::millis(200));
    call.world.advance(TimeDelta::millis(200));
  }
  call.world.media.workers = true;
  call.world.media.answerAll();
  CHECK(Client::code(call.alice.reply(id)) == "");
}

TEST_CASE("An update that its worker does not survive is refused, as its connection is gone") {
  Call call;
  call.alice.offer("chromium-reoffer-1");
  call.alice.forget();
  const uint64_t id = call.alice.send(offerOf("chromium-reoffer-2-screen"));
  call.world.media.loseRoom("demo");
  CHECK(Client::code(call.alice.reply(id)) == "media_unavailable");
  call.world.service.onRoomLost("demo", "worker 1 died");
  CHECK(call.alice.events("media-restart").size() == 1);
}

TEST_CASE("Who comes back is told what it has missed") {
  Call call;
  call.alice.drop();
  call.world.service.onMediaEvent(
      control::SlotsBound{"demo", call.alice.self(), {{"5", call.bob.self(), control::TrackSource::Camera}}});
  call.world.service.onMediaEvent(control::SpeakersChanged{"demo", {{call.bob.self(), 20}}});
  call.world.service.onMediaEvent(
      control::LayersChanged{"demo", call.alice.self(), {{"5", 640, 360, 500'000, ""}}});
  call.state(call.alice, EndpointState::Connected);
  const bool lost = GENERATE(false, true);
  if (lost) call.state(call.alice, EndpointState::Failed, "consent was lost");
  Client back(call.world);
  REQUIRE(back.join("alice", "demo", call.alice.resumption())["resumed"] == true);
  CHECK(back.connection->messages[0].contains("reply"));
  CHECK(back.events("speakers").size() == 1);
  CHECK(back.events("slots").size() == (lost ? 0 : 1));
  CHECK(back.events("layers").size() == (lost ? 0 : 1));
  CHECK(back.events("media-connected").size() == (lost ? 0 : 1));
  CHECK(back.events("media-restart").size() == (lost ? 1 : 0));
}

TEST_CASE("Events of rooms and endpoints that nobody knows are ignored") {
  Call call;
  call.world.service.onMediaEvent(control::SpeakersChanged{"nowhere", {}});
  call.world.service.onMediaEvent(control::SlotsBound{"demo", "p_nobody", {{"5", "", {}}}});
  call.world.service.onMediaEvent(control::EndpointStateChanged{"nowhere", "p", EndpointState::Failed, ""});
  call.world.service.onMediaEvent(control::WorkerReady{});
  call.world.service.onRoomLost("nowhere", "x");
  CHECK(call.alice.connection->messages.empty());
}

TEST_CASE("Answers that come after the service is gone reach nobody") {
  FakeMediaPlane media;
  base::SeededRandom random{1};
  {
    MemoryStorage storage;
    Service service(World::defaults(), media, random, storage);
    const auto connection = std::make_shared<FakeConnection>();
    const auto id = service.onOpen(connection, {base::Timestamp::millis(1), 1'800'000'000'000});
    World other;
    const json join{{"id", 1},
                    {"type", "join"},
                    {"version", 1},
                    {"token", other.token("a")},
                    {"e2ee", {{"suites", {"duo"}}}}};
    service.onMessage(id, join.dump(), {base::Timestamp::millis(1), 1'800'000'000'000});
    REQUIRE(connection->messages.size() == 1);
  }
  REQUIRE(media.pending.size() == 1);
  media.answerAll();
}

}  // namespace
}  // namespace sotto::signaling::test
