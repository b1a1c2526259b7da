#include <catch2/catch.hpp>

#include "World.hpp"

namespace sotto::signaling::test {
namespace {

using base::TimeDelta;

TEST_CASE("An offer is answered once the worker has confirmed, with what the worker was told") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  const json e2ee{{"suite", "duo"}, {"salt", "00112233445566778899aabbccddeeff"}};
  const uint64_t id = alice.send({{"type", "offer"},
                                  {"sdp", readSdp("chromium-simulcast")},
                                  {"tracks", cameraAndMicrophone()},
                                  {"e2ee", e2ee}});
  CHECK(alice.reply(id).is_null());
  CHECK(bob.events("participant-updated").empty());
  world.media.answerAll();
  const json reply = alice.reply(id);
  REQUIRE(Client::code(reply) == "");
  CHECK(reply["slots"].size() == 5);
  CHECK(reply["slots"][0] == json{{"mid", "2"}, {"kind", "audio"}});
  CHECK(reply["slots"][4] == json{{"mid", "6"}, {"kind", "video"}});

  const auto parameters = world.media.last<control::CreateEndpoint>().parameters;
  CHECK(parameters.room == "demo");
  CHECK(parameters.endpoint == alice.self());
  CHECK(parameters.sender == 1);
  CHECK(parameters.ice.remoteUfrag == "RYcc");
  CHECK(reply["sdp"].get<std::string>().find("a=ice-ufrag:" + parameters.ice.localUfrag) !=
        std::string::npos);
  CHECK(reply["sdp"].get<std::string>().find("192.0.2.7 40000 typ host") != std::string::npos);
  CHECK(parameters.fingerprint.value.substr(0, 5) == "A5:5B");
  CHECK(parameters.tracks.size() == 2);
  CHECK(parameters.slots.size() == 5);

  const json updated = bob.events("participant-updated").at(0)["participant"];
  CHECK(updated["tracks"] == json{{{"source", "microphone"}, {"kind", "audio"}, {"muted", false}},
                                  {{"source", "camera"}, {"kind", "video"}, {"muted", false}}});
  CHECK(updated["e2ee"] == e2ee);
  CHECK(alice.events("participant-updated").empty());
}

TEST_CASE("A second offer of the same PeerConnection updates its endpoint") {
  World world;
  Client alice(world);
  alice.join("alice");
  alice.offer("chromium-reoffer-1");
  CHECK(Client::code(alice.offer("chromium-reoffer-2-screen")) == "");
  CHECK(world.media.all<control::CreateEndpoint>().size() == 1);
  CHECK(world.media.last<control::UpdateEndpoint>().parameters.tracks.size() == 3);
  CHECK(world.media.all<control::RemoveEndpoint>().empty());
}

TEST_CASE("An offer of a new PeerConnection replaces the endpoint") {
  World world;
  Client alice(world);
  alice.join("alice");
  alice.request({{"type", "rate-cap"}, {"bitsPerSecond", 500'000}});
  alice.offer("chromium-simulcast");
  alice.request({{"type", "subscribe"},
                 {"slots", {{{"mid", "5"}, {"mode", "auto"}}, {{"mid", "6"}, {"mode", "auto"}}}}});
  CHECK(Client::code(alice.offer("firefox-vp9-preferred")) == "");
  CHECK(world.media.all<control::RemoveEndpoint>().size() == 1);
  CHECK(world.media.all<control::CreateEndpoint>().size() == 2);
  CHECK(world.media.all<control::SetRateCap>().size() == 2);
  CHECK(world.media.last<control::SetRateCap>().bitsPerSecond == 500'000u);
  CHECK(world.media.all<control::SetSlotWishes>().size() == 1);
}

TEST_CASE("A bad offer is answered with what is wrong where") {
  World world;
  Client alice(world);
  alice.join("alice");
  json reply = alice.request({{"type", "offer"}, {"sdp", "v=0\r\nrubbish\r\n"}});
  CHECK(reply["error"]["code"] == "bad_sdp");
  CHECK(reply["error"]["details"] == json{{"line", 2}, {"text", "rubbish"}});
  CHECK(Client::code(alice.request({{"type", "offer"}, {"sdp", std::string(210'000, 'x')}})) == "bad_sdp");
  CHECK(Client::code(alice.offer("chromium-h264-only")) == "no_common_codec");
  CHECK(Client::code(alice.offer("chromium-simulcast", {{"e2ee", {{"suite", "rot13"}}}})) ==
        "suite_not_allowed");
  CHECK(Client::code(alice.offer("chromium-simulcast", {{"tracks", json::array()}})) == "bad_message");
  CHECK(world.media.all<control::CreateEndpoint>().empty());
  CHECK(Client::code(alice.offer("chromium-simulcast")) == "");
}

TEST_CASE("A token without a grant cannot use it") {
  World world;
  Client listener(world), speaker(world);
  listener.join("l", "demo", {{"token", world.token("l", "demo", false, true)}});
  speaker.join("s", "demo", {{"token", world.token("s", "demo", true, false)}});
  CHECK(Client::code(listener.offer("chromium-plain-sendrecv")) == "forbidden");
  CHECK(Client::code(listener.offer("chromium-subscribe-only")) == "");
  CHECK(Client::code(speaker.offer("chromium-subscribe-only")) == "forbidden");
  CHECK(Client::code(speaker.offer("chromium-plain-sendrecv")) == "");
  CHECK(Client::code(speaker.request({{"type", "subscribe"}, {"slots", json::array()}})) == "forbidden");
}

TEST_CASE("What the worker refuses is told, and what stood before stands") {
  World world;
  Client alice(world);
  alice.join("alice");
  world.media.nextError = "no room for more";
  json reply = alice.offer("chromium-reoffer-1");
  CHECK(reply["error"]["code"] == "internal");
  CHECK(reply["error"]["message"] == "the media worker refused the offer: no room for more");
  CHECK(Client::code(alice.offer("chromium-reoffer-1")) == "");
  world.media.nextError = "no";
  CHECK(Client::code(alice.offer("chromium-reoffer-2-screen")) == "internal");
  CHECK(Client::code(alice.offer("chromium-reoffer-2-screen")) == "");
  CHECK(world.media.all<control::CreateEndpoint>().size() == 2);
  CHECK(world.media.all<control::UpdateEndpoint>().size() == 2);
}

TEST_CASE("An offer waits for a worker, but not for ever") {
  World world;
  world.media.workers = false;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  const uint64_t first = alice.send(offerOf("chromium-simulcast"));
  for (int i = 0; i < 24; ++i) {
    world.media.answerAll();
    world.advance(TimeDelta::millis(200));
  }
  CHECK(alice.reply(first).is_null());
  world.advance(TimeDelta::millis(200));
  CHECK(Client::code(alice.reply(first)) == "media_unavailable");
  CHECK(world.media.all<control::CreateRoom>().size() > 20);

  const uint64_t second = alice.send(offerOf("chromium-simulcast"));
  world.media.workers = true;
  world.media.answerAll();
  world.advance(TimeDelta::millis(200));
  world.media.answerAll();
  CHECK(Client::code(alice.reply(second)) == "");
}

TEST_CASE("Requests behind an offer wait for it, and are answered in order") {
  World world;
  Client alice(world);
  alice.join("alice");
  const uint64_t offer = alice.send(offerOf("chromium-simulcast"));
  const uint64_t subscribe =
      alice.send({{"type", "subscribe"}, {"slots", {{{"mid", "4"}, {"mode", "auto"}}}}});
  const uint64_t mute = alice.send({{"type", "mute"}, {"source", "camera"}, {"muted", true}});
  CHECK(alice.connection->messages.size() == 1);
  world.media.answerAll();
  REQUIRE(alice.connection->messages.size() == 4);
  CHECK(alice.connection->messages[1]["reply"] == offer);
  CHECK(alice.connection->messages[2]["reply"] == subscribe);
  CHECK(alice.connection->messages[3]["reply"] == mute);
  CHECK(Client::code(alice.reply(subscribe)) == "");
  CHECK(Client::code(alice.reply(mute)) == "");
}

TEST_CASE("A worker that dies while it is asked is replaced without the client noticing") {
  World world;
  Client alice(world);
  alice.join("alice");
  const uint64_t id = alice.send(offerOf("chromium-simulcast"));
  SECTION("the request fails before the loss is told") {
    world.media.loseRoom("demo");
    world.service.onRoomLost("demo", "worker 1 died");
  }
  SECTION("the loss is told before the request fails") {
    world.media.placed.clear();
    world.service.onRoomLost("demo", "worker 1 died");
    const auto pending = std::exchange(world.media.pending, {});
    for (const auto& request : pending) {
      if (std::holds_alternative<control::CreateRoom>(request.body)) {
        world.media.pending.push_back(request);
      } else {
        request.done({0, "the worker went away", std::nullopt});
      }
    }
  }
  CHECK(alice.reply(id).is_null());
  world.media.answerAll();
  CHECK(Client::code(alice.reply(id)) == "");
  CHECK(world.media.all<control::CreateEndpoint>().size() == 2);
  CHECK(alice.events("media-restart").empty());
}

TEST_CASE("A socket that is lost under its offer leaves no trace of it") {
  World world;
  Client alice(world);
  alice.join("alice");
  alice.send(offerOf("chromium-reoffer-1"));
  alice.drop();
  world.media.answerAll();
  Client back(world);
  REQUIRE(back.join("alice", "demo", alice.resumption())["resumed"] == true);
  CHECK(Client::code(back.offer("chromium-reoffer-1")) == "");
  CHECK(world.media.all<control::UpdateEndpoint>().size() == 1);
  CHECK(alice.reply(2).is_null());
}

TEST_CASE("A participant that leaves under its offer takes its endpoint along") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  alice.send(offerOf("chromium-simulcast"));
  alice.send({{"type", "leave"}});
  world.media.answerAll();
  CHECK(world.media.last<control::RemoveEndpoint>().endpoint == alice.self());
  CHECK(bob.events("participant-updated").empty());
}

TEST_CASE("In a room that requires encryption tracks come with what their sender says of its keys") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  json bare = offerOf("chromium-simulcast");
  bare.erase("e2ee");
  CHECK(Client::code(alice.request(bare)) == "e2ee_required");
  CHECK(world.media.all<control::CreateEndpoint>().empty());
  CHECK(bob.events("participant-updated").empty());
  CHECK(Client::code(alice.offer("chromium-simulcast")) == "");
  // It stays as it was.
  CHECK(Client::code(alice.request(bare)) == "");
}

TEST_CASE("A plain client names nothing and is understood") {
  Settings settings = World::defaults();
  settings.e2ee = control::E2eePolicy::Off;
  World world(settings);
  Client plain(world);
  plain.join("plain", "demo", {{"e2ee", nullptr}});
  CHECK(Client::code(plain.offer("aiortc-audio-video")) == "");
  const auto parameters = world.media.last<control::CreateEndpoint>().parameters;
  REQUIRE(parameters.tracks.size() == 2);
  CHECK(parameters.tracks[0].source == control::TrackSource::Microphone);
  CHECK(parameters.tracks[1].source == control::TrackSource::Camera);
  CHECK(parameters.slots.size() == 1);
}

}  // namespace
}  // namespace sotto::signaling::test
