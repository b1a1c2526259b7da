#include <catch2/catch.hpp>

#include "World.hpp"
#include "signaling/DeadlineQueue.hpp"
#include "signaling/Identifiers.hpp"
#include "signaling/TokenBucket.hpp"

namespace sotto::signaling::test {
namespace {

using base::TimeDelta;
using base::Timestamp;

TEST_CASE("A message over the limit closes the socket") {
  World world;
  Client client(world);
  client.sendText(std::string(262'145, ' '));
  CHECK(client.connection->closeCode == 1009);
  CHECK(world.counter("signaling_closed_total{reason=\"size\"}") == 1);
}

TEST_CASE("Rubbish is answered by an error event, and the socket stays") {
  World world;
  Client client(world);
  client.sendText("rubbish");
  REQUIRE(client.events("error").size() == 1);
  CHECK(client.events("error")[0]["error"]["code"] == "bad_message");
  CHECK(Client::code(client.join("alice")) == "");
  CHECK(Client::code(client.request({{"type", "dance"}})) == "unknown_type");
}

TEST_CASE("Too many messages are refused by their id, then the socket is closed") {
  World world;
  Client client(world);
  client.join("alice");
  for (int i = 0; i < 199; ++i) REQUIRE(Client::code(client.request({{"type", "ping"}})) == "");
  CHECK(Client::code(client.request({{"type", "ping"}})) == "rate_limited");
  world.advance(TimeDelta::millis(20));
  CHECK(Client::code(client.request({{"type", "ping"}})) == "");
  for (int i = 0; i < 49; ++i) {
    REQUIRE(Client::code(client.request({{"type", "ping"}})) == "rate_limited");
  }
  CHECK_FALSE(client.connection->closeCode);
  client.request({{"type", "ping"}});
  CHECK(client.connection->closeCode == 1008);
  CHECK(world.counter("signaling_closed_total{reason=\"rate\"}") == 1);
  CHECK(world.counter("participants") == 1);
}

TEST_CASE("Now and then too fast is forgiven") {
  World world;
  Client client(world);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 230; ++i) client.send({{"type", "ping"}});
    world.advance(TimeDelta::seconds(11));
  }
  // Refused ten times thirty; only the join that never came ends it.
  CHECK(world.counter("signaling_closed_total{reason=\"rate\"}") == 0);
}

TEST_CASE("Requests that pile up behind one are bounded") {
  World world;
  Client client(world);
  client.join("alice");
  client.send(offerOf("chromium-simulcast"));
  for (int i = 0; i < 32; ++i) client.send({{"type", "rate-cap"}, {"bitsPerSecond", i}});
  const uint64_t last = client.send({{"type", "rate-cap"}, {"bitsPerSecond", 5}});
  CHECK(Client::code(client.reply(last)) == "rate_limited");
  world.media.answerAll();
  CHECK(world.media.all<control::SetRateCap>().size() == 32);
}

TEST_CASE("An error of the program at one client's message ends that session and no other") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  bob.forget();
  world.media.throwNext = true;
  alice.send(offerOf("chromium-simulcast"));
  CHECK(alice.events("error").at(0)["error"]["code"] == "internal");
  CHECK(alice.connection->closeCode == 1011);
  CHECK(bob.events("participant-left").at(0)["participant"] == alice.self());
  CHECK_FALSE(bob.connection->closeCode);
  CHECK(Client::code(bob.offer("firefox-simulcast")) == "");
  CHECK(world.counter("signaling_closed_total{reason=\"internal\"}") == 1);
  CHECK(world.counter("connections") == 1);
  Client again(world);
  CHECK(Client::code(again.join("alice", "demo", alice.resumption())) == "");
  CHECK(again.joined["resumed"] == false);
}

TEST_CASE("An error of the program at the answer of the media plane ends that session and no other") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  SECTION("an answer to a request") {
    alice.offer("chromium-simulcast");
    alice.send({{"type", "rate-cap"}, {"bitsPerSecond", 100'000}});
  }
  SECTION("an answer to an offer") {
    alice.send(offerOf("chromium-simulcast"));
  }
  alice.connection->throwNext = true;
  bob.forget();
  world.media.answerAll();
  CHECK(alice.events("error").at(0)["error"]["code"] == "internal");
  CHECK(alice.connection->closeCode == 1011);
  CHECK(bob.events("participant-left").at(0)["participant"] == alice.self());
  CHECK(world.counter("signaling_closed_total{reason=\"internal\"}") == 1);
  CHECK(world.counter("participants") == 1);
  CHECK(Client::code(bob.offer("firefox-simulcast")) == "");
  // What the worker had set up for her goes with the session.
  CHECK(world.media.all<control::RemoveEndpoint>().size() == 1);
}

TEST_CASE("An error of the program at one offer does not keep the others of a placed room waiting") {
  World world;
  Client alice(world), bob(world);
  alice.send(
      {{"type", "join"}, {"version", 1}, {"token", world.token("alice")}, {"e2ee", {{"suites", {"duo"}}}}});
  bob.send(
      {{"type", "join"}, {"version", 1}, {"token", world.token("bob")}, {"e2ee", {{"suites", {"duo"}}}}});
  const uint64_t first = alice.send(offerOf("chromium-simulcast"));
  const uint64_t second = bob.send(offerOf("firefox-simulcast"));
  world.media.throwNext = true;
  world.media.answerAll();
  const bool aliceFailed = alice.connection->closeCode == 1011;
  const bool bobFailed = bob.connection->closeCode == 1011;
  CHECK(aliceFailed != bobFailed);
  CHECK(Client::code(aliceFailed ? bob.reply(second) : alice.reply(first)) == "");
}

TEST_CASE(
    "An error of the program at a report of the worker ends the session that it concerns and no other") {
  World world;
  Client alice(world), bob(world);
  for (Client* client : {&alice, &bob}) {
    client->join(client == &alice ? "alice" : "bob");
    REQUIRE(Client::code(client->offer("chromium-simulcast")) == "");
  }
  bob.forget();
  alice.connection->throwNext = true;
  SECTION("a state") {
    world.service.onMediaEvent(
        control::EndpointStateChanged{"demo", alice.self(), control::EndpointState::Connected, ""});
  }
  SECTION("a layer") {
    world.service.onMediaEvent(control::LayersChanged{"demo", alice.self(), {{"1", 640, 360, 1000, ""}}});
  }
  SECTION("the loss of the room") {
    world.media.loseRoom("demo");
    world.service.onRoomLost("demo", "the media worker was killed");
    CHECK(bob.events("media-restart").size() == 1);
    world.media.answerAll();
    CHECK(world.media.placed.contains("demo"));
  }
  CHECK(alice.connection->closeCode == 1011);
  CHECK(bob.events("participant-left").at(0)["participant"] == alice.self());
  CHECK_FALSE(bob.connection->closeCode);
  CHECK(world.counter("participants") == 1);
}

TEST_CASE("Sockets are bounded") {
  Settings settings = World::defaults();
  settings.limits.connections = 2;
  World world(settings);
  Client a(world), b(world), c(world);
  CHECK(c.connection->closeCode == 1013);
  a.drop();
  Client d(world);
  CHECK_FALSE(d.connection->closeCode);
}

TEST_CASE("A bucket lets a burst pass, then a steady rate") {
  const Timestamp start = Timestamp::millis(0);
  TokenBucket bucket(10, 3, start);
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(start));
  CHECK_FALSE(bucket.take(start));
  CHECK_FALSE(bucket.take(start + TimeDelta::millis(99)));
  CHECK(bucket.take(start + TimeDelta::millis(100)));
  CHECK_FALSE(bucket.take(start + TimeDelta::millis(100)));
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(start + TimeDelta::seconds(60)));
  CHECK_FALSE(bucket.take(start + TimeDelta::seconds(60)));
}

TEST_CASE("Deadlines come due in order") {
  DeadlineQueue<int> queue;
  CHECK(queue.next() == Timestamp::plusInfinity());
  queue.add(Timestamp::millis(10), 1);
  queue.add(Timestamp::millis(20), 2);
  CHECK_FALSE(queue.takeDue(Timestamp::millis(9)));
  CHECK(queue.takeDue(Timestamp::millis(15)) == 1);
  CHECK_FALSE(queue.takeDue(Timestamp::millis(15)));
  CHECK(queue.next() == Timestamp::millis(20));
}

TEST_CASE("Names that people see are UTF-8 without control characters") {
  for (const char* good : {"a", "Zoë", "日本", "👋", "a b"}) CHECK(isDisplayable(good, 128));
  for (const char* bad :
       {"", "a\nb", "\x7f", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xc2\x85", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    CHECK_FALSE(isDisplayable(bad, 128));
  }
  CHECK_FALSE(isDisplayable("abc", 2));
}

TEST_CASE("Secrets are equal only in full") {
  CHECK(equalSecrets("abc", "abc"));
  CHECK_FALSE(equalSecrets("abc", "abd"));
  CHECK_FALSE(equalSecrets("abc", "ab"));
}

}  // namespace
}  // namespace sotto::signaling::test
