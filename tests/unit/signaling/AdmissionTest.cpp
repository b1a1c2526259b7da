#include <catch2/catch.hpp>
#include <set>

#include "World.hpp"

namespace sotto::signaling::test {
namespace {

using base::TimeDelta;

TEST_CASE("A token that names no room joins none, and says why") {
  World world;
  Client alice(world);
  CHECK(Client::code(alice.join("alice", "")) == "unauthorized");
  CHECK(alice.joined["error"]["message"] == "the token names no room, so it cannot join one");
}

TEST_CASE("A client joins, and learns of itself, the room and the limits") {
  World world;
  Client alice(world);
  const json reply = alice.join("alice");
  REQUIRE(Client::code(reply) == "");
  CHECK(reply["resumed"] == false);
  CHECK(reply["self"]["user"] == "alice");
  CHECK(reply["self"]["sender"] == 1);
  CHECK(reply["self"]["tracks"] == json::array());
  CHECK(reply["self"]["connected"] == true);
  CHECK_FALSE(reply["self"].contains("e2ee"));
  CHECK(reply["roster"] == json::array());
  CHECK(reply["room"]["name"] == "demo");
  CHECK(reply["room"]["e2ee"] == "required");
  CHECK(reply["room"]["call"].get<std::string>().size() == 32);
  CHECK(reply["room"]["invited"] == json::array());
  CHECK(reply["room"]["suites"] == json{"duo", "aes128gcm", "aes256gcm"});
  CHECK(reply["limits"]["videoSlots"] == 24);
  CHECK(reply["session"]["secret"].get<std::string>().size() == 32);
  CHECK(world.media.last<control::CreateRoom>().room == "demo");
  CHECK(world.counter("participants") == 1);
}

TEST_CASE("Others learn who joins and leaves, and the last one closes the room") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  const json reply = bob.join("bob");
  REQUIRE(reply["roster"].size() == 1);
  CHECK(reply["roster"][0]["id"] == alice.self());
  CHECK(reply["self"]["sender"] == 2);
  REQUIRE(alice.events("participant-joined").size() == 1);
  CHECK(alice.events("participant-joined")[0]["participant"]["name"] == "bob");
  CHECK(bob.events("participant-joined").empty());

  CHECK(Client::code(bob.request({{"type", "leave"}})) == "");
  CHECK(bob.connection->closeCode == 1000);
  REQUIRE(alice.events("participant-left").size() == 1);
  CHECK(alice.events("participant-left")[0]["reason"] == "left");
  CHECK(world.media.all<control::CloseRoom>().empty());
  alice.request({{"type", "leave"}});
  CHECK(world.media.all<control::CloseRoom>().size() == 1);
  CHECK(world.counter("rooms") == 0);
  CHECK(world.counter("participants") == 0);
}

TEST_CASE("Rooms are apart from each other") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice", "one");
  CHECK(bob.join("bob", "two")["roster"].empty());
  CHECK(alice.events("participant-joined").empty());
  CHECK(world.counter("rooms") == 2);
}

TEST_CASE("Sender numbers are never used again while the room lives") {
  World world;
  Client alice(world);
  alice.join("alice");
  std::set<int> senders;
  for (int i = 0; i < 20; ++i) {
    Client guest(world);
    CHECK(senders.insert(guest.join("guest")["self"]["sender"].get<int>()).second);
    guest.request({{"type", "leave"}});
  }
  CHECK(*senders.begin() == 2);
}

TEST_CASE("Whoever may not join is told why") {
  Settings settings = World::defaults();
  settings.limits.participantsPerRoom = 1;
  settings.limits.rooms = 1;
  World world(settings);
  Client alice(world), client(world);
  alice.join("alice");
  const std::string token = world.token("bob", "elsewhere");
  CHECK(Client::code(client.join("bob")) == "room_full");
  CHECK(Client::code(client.join("bob", "elsewhere")) == "too_many_rooms");
  CHECK(Client::code(client.join("bob", "demo", {{"token", "rubbish"}})) == "unauthorized");
  CHECK(Client::code(client.join("bob", "demo", {{"token", token}, {"room", "demo"}})) == "unauthorized");
  CHECK(client.joined["error"]["message"] == "the token is for another room");
  CHECK(Client::code(client.join("bob", "demo", {{"e2ee", nullptr}})) == "e2ee_required");
  CHECK(Client::code(client.join("bob", "demo", {{"e2ee", {{"suites", {"rot13"}}}}})) == "suite_not_allowed");
  CHECK(Client::code(client.join("bob", "demo", {{"version", 2}})) == "unsupported_version");
  CHECK(client.joined["error"]["details"]["versions"] == json::array({1}));
  world.monotonic = world.monotonic + TimeDelta::seconds(61);
  CHECK(Client::code(client.join("bob", "demo", {{"token", token}})) == "unauthorized");
  CHECK(client.joined["error"]["message"] == "the token has expired");
  CHECK(world.counter("signaling_errors_total{code=\"unauthorized\"}") == 3);
  CHECK(world.counter("signaling_tokens_refused_total{reason=\"malformed\"}") == 1);
  CHECK(world.counter("signaling_tokens_refused_total{reason=\"other_room\"}") == 1);
  CHECK(world.counter("signaling_tokens_refused_total{reason=\"expired\"}") == 1);
  CHECK(world.counter("signaling_tokens_refused_total{reason=\"signature\"}") == 0);
  std::string forged = world.token("bob");
  forged[forged.rfind('.') + 1] ^= 1;
  CHECK(Client::code(client.join("bob", "demo", {{"token", forged}})) == "unauthorized");
  CHECK(world.counter("signaling_tokens_refused_total{reason=\"signature\"}") == 1);
  CHECK_FALSE(client.connection->closeCode);
}

TEST_CASE("A client that cannot seal may join where that is not required") {
  Settings settings = World::defaults();
  settings.e2eeOfRoom = [](std::string_view room) {
    return room == "open" ? control::E2eePolicy::Off : control::E2eePolicy::Required;
  };
  World world(settings);
  Client client(world);
  const json reply = client.join("bob", "open", {{"e2ee", nullptr}});
  CHECK(Client::code(reply) == "");
  CHECK(reply["room"]["e2ee"] == "off");
  CHECK(world.media.last<control::CreateRoom>().e2ee == control::E2eePolicy::Off);
}

TEST_CASE("Join comes first, and once") {
  World world;
  Client client(world);
  CHECK(Client::code(client.request({{"type", "subscribe"}, {"slots", json::array()}})) == "not_joined");
  CHECK(Client::code(client.request({{"type", "leave"}})) == "not_joined");
  client.join("alice");
  CHECK(Client::code(client.join("alice")) == "already_joined");
}

TEST_CASE("A ping is answered with the time, joined or not") {
  World world;
  Client client(world);
  CHECK(client.request({{"type", "ping"}})["time"] == world.now().unixMs);
}

TEST_CASE("A socket that does not join in time is closed") {
  World world;
  Client idle(world), alice(world);
  alice.join("alice");
  CHECK(world.service.nextDeadline() == world.monotonic + TimeDelta::seconds(10));
  world.advance(TimeDelta::millis(9'999));
  CHECK_FALSE(idle.connection->closeCode);
  world.advance(TimeDelta::millis(1));
  CHECK(idle.connection->closeCode == 1008);
  CHECK_FALSE(alice.connection->closeCode);
}

TEST_CASE("A session is resumed within its window") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  alice.offer("chromium-simulcast", {{"tracks", cameraAndMicrophone()}});
  bob.forget();
  alice.drop();
  REQUIRE(bob.events("participant-updated").size() == 1);
  CHECK(bob.events("participant-updated")[0]["participant"]["connected"] == false);
  CHECK(world.media.all<control::RemoveEndpoint>().empty());

  world.advance(TimeDelta::seconds(29));
  Client back(world);
  const json reply = back.join("alice", "demo", alice.resumption());
  CHECK(reply["resumed"] == true);
  CHECK(reply["self"]["id"] == alice.self());
  CHECK(reply["self"]["sender"] == 1);
  CHECK(reply["self"]["tracks"].size() == 2);
  CHECK(reply["roster"].size() == 1);
  CHECK(bob.events("participant-updated").back()["participant"]["connected"] == true);
  CHECK(bob.events("participant-left").empty());
  world.advance(TimeDelta::seconds(120));
  CHECK(bob.events("participant-left").empty());
  CHECK(world.media.all<control::RemoveEndpoint>().empty());
  CHECK(world.counter("signaling_resumes_total") == 1);
}

TEST_CASE("A session that nobody resumes ends") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  alice.offer("chromium-simulcast");
  alice.drop();
  CHECK(world.service.nextDeadline() <= world.monotonic + TimeDelta::seconds(30));
  world.advance(TimeDelta::seconds(30));
  REQUIRE(bob.events("participant-left").size() == 1);
  CHECK(bob.events("participant-left")[0]["reason"] == "timeout");
  CHECK(world.media.last<control::RemoveEndpoint>().endpoint == alice.self());
  Client back(world);
  const json reply = back.join("alice", "demo", alice.resumption());
  CHECK(reply["resumed"] == false);
  CHECK(reply["self"]["sender"] == 3);
}

TEST_CASE("Only its own device with its own secret resumes a session") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  alice.drop();
  json session = alice.resumption();
  SECTION("another user") {
    Client mallory(world);
    CHECK(mallory.join("mallory", "demo", session)["resumed"] == false);
  }
  SECTION("another room") {
    Client mallory(world);
    CHECK(mallory.join("alice", "elsewhere", session)["resumed"] == false);
  }
  SECTION("a wrong secret: joins anew, and replaces the old session") {
    session["resume"]["secret"] = "00000000000000000000000000000000";
    Client again(world);
    const json reply = again.join("alice", "demo", session);
    CHECK(reply["resumed"] == false);
    CHECK(reply["self"]["id"] != alice.self());
    CHECK(bob.events("participant-left").back()["reason"] == "removed");
  }
}

TEST_CASE("The same device that joins again replaces the former one") {
  World world;
  Client first(world), bob(world);
  first.join("alice");
  bob.join("bob");
  Client second(world);
  const json reply = second.join("alice");
  CHECK(Client::code(reply) == "");
  CHECK(reply["roster"].size() == 1);
  REQUIRE(first.events("removed").size() == 1);
  CHECK(first.events("removed")[0]["reason"] == "replaced");
  CHECK(first.events("participant-left").at(0)["participant"] == first.self());
  CHECK(first.connection->closeCode == 4001);
  CHECK(bob.events("participant-left")[0]["participant"] == first.self());
  CHECK(bob.events("participant-joined").back()["participant"]["id"] == second.self());
  first.forget();
  first.send({{"type", "ping"}});
  CHECK(first.connection->messages.empty());
  first.drop();
  CHECK(world.counter("participants") == 2);
}

TEST_CASE("A device that replaces itself does so in a full room, and when it is alone") {
  Settings settings = World::defaults();
  settings.limits.participantsPerRoom = 1;
  World world(settings);
  Client first(world), second(world);
  first.join("alice");
  CHECK(Client::code(second.join("alice")) == "");
  CHECK(second.joined["self"]["sender"] == 2);
  CHECK(world.media.all<control::CloseRoom>().empty());
}

TEST_CASE("A session is resumed though its old socket seems alive") {
  World world;
  Client alice(world), bob(world);
  alice.join("alice");
  bob.join("bob");
  Client back(world);
  CHECK(back.join("alice", "demo", alice.resumption())["resumed"] == true);
  CHECK(alice.connection->closeCode == 4001);
  CHECK(alice.events("participant-left").empty());
  CHECK(bob.events("participant-updated").empty());
  alice.drop();
  bob.request({{"type", "ping"}});
  CHECK(bob.events("participant-updated").empty());
  CHECK(Client::code(back.offer("chromium-subscribe-only")) == "");
}

TEST_CASE("Stopping is told to everybody, joined or not, and late comers are turned away") {
  World world;
  Client alice(world), idle(world);
  alice.join("alice");
  world.service.stop("maintenance");
  for (const Client* client : {&alice, &idle}) {
    REQUIRE(client->events("stopping").size() == 1);
    CHECK(client->events("stopping")[0]["reason"] == "maintenance");
    CHECK(client->connection->closeCode == 1001);
  }
  Client late(world);
  CHECK(late.connection->closeCode == 1001);
  alice.drop();
  world.advance(TimeDelta::seconds(60));
}

TEST_CASE("In development mode tokens are issued, and let in") {
  Settings settings = World::defaults();
  settings.development = true;
  World world(settings);
  const auto issued = world.service.developmentToken({"demo", "Zoë", "", ""}, world.now());
  REQUIRE(issued);
  Client client(world);
  const json reply = client.join("guest", "demo", {{"token", issued->token}});
  CHECK(reply["self"]["name"] == "Zoë");
  CHECK(reply["self"]["user"] == issued->user);
  CHECK(reply["self"]["device"] == issued->device);
  CHECK_FALSE(world.service.developmentToken({"de\x02mo", "x", "", ""}, world.now()));
  CHECK_FALSE(world.service.developmentToken({"demo", "a\x01", "", ""}, world.now()));
}

TEST_CASE("Outside of development mode nobody gets a token for asking") {
  World world;
  CHECK_FALSE(world.service.developmentToken({"demo", "x", "", ""}, world.now()));
}

}  // namespace
}  // namespace sotto::signaling::test
