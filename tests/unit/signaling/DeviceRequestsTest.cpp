// Sockets that attach, send and invite: what the whole service does with them, storage answering late.
#include <catch2/catch.hpp>

#include "Devices.hpp"
#include "World.hpp"
#include "signaling/KeyRecord.hpp"

namespace sotto::signaling::test {
namespace {

using base::TimeDelta;

struct Fixture {
  Fixture() {
    for (const DeviceName& device : {alice, bob}) {
      world.storage.commit({{}, {{recordKey(device), "registered"}}}, [](CommitResult) {});
    }
    world.storage.drain();
  }
  /// What World::token() names.
  const DeviceName alice{"alice", "alice-device"}, bob{"bob", "bob-device"};
  World world;

  json request(Client& client, json message) {
    const uint64_t id = client.send(std::move(message));
    world.media.answerAll();
    world.storage.drain();
    return client.reply(id);
  }
  json attach(Client& client, const std::string& user) {
    return request(client, {{"type", "attach"}, {"token", world.token(user, "")}});
  }
  json messageTo(const DeviceName& device, uint64_t number) {
    const SendRequest request = test::messageTo({device}, number);
    return {{"type", "send"},
            {"messageId", request.messageId},
            {"purpose", 3},
            {"group", "g"},
            {"recipients",
             {{{"user", device.user}, {"device", device.device}, {"type", "signal"}, {"body", "AAAA"}}}}};
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "A socket that goes before its attaching is done has attached nothing") {
  Client gone(world);
  gone.send({{"type", "attach"}, {"token", world.token("bob", "")}});
  gone.drop();
  world.storage.drain();
  CHECK(world.counter("devices_attached") == 0);
  Client sender(world);
  attach(sender, "alice");
  CHECK(request(sender, messageTo(bob, 1)).at("accepted") == 1);
  CHECK(gone.events("message").empty());
  Client back(world);
  CHECK(attach(back, "bob").at("pending") == 1);
  CHECK(back.events("message").size() == 1);
}

TEST_CASE_METHOD(Fixture, "What a socket sent before it went is stored, and nobody is answered") {
  Client sender(world);
  attach(sender, "alice");
  const uint64_t id = sender.send(messageTo(bob, 1));
  sender.drop();
  world.storage.drain();
  CHECK(sender.reply(id).is_null());
  Client receiver(world);
  CHECK(attach(receiver, "bob").at("pending") == 1);
}

TEST_CASE_METHOD(Fixture, "A service that stops in the middle of it all hears no late answers") {
  Client sender(world), receiver(world);
  attach(receiver, "bob");
  attach(sender, "alice");
  sender.send(messageTo(bob, 1));
  receiver.send({{"type", "ack"}, {"upTo", 5}});
  world.service.stop("the end");
  world.storage.drain();
  CHECK(world.counter("devices_attached") == 0);
  CHECK(receiver.events("message").empty());
}

TEST_CASE_METHOD(Fixture, "Attaching is enough to stay, silence is not") {
  Client silent(world), attached(world);
  attach(attached, "bob");
  world.advance(TimeDelta::seconds(11));
  CHECK(silent.connection->closeCode == 1008);
  CHECK_FALSE(attached.connection->closeCode.has_value());
}

TEST_CASE_METHOD(Fixture, "One socket is one device: in a room, attached, or both") {
  Client client(world);
  CHECK(Client::code(client.join("bob")) == "");
  CHECK(Client::code(attach(client, "alice")) == "forbidden");
  CHECK(request(client, {{"type", "attach"}}).at("device") == bob.device);
  CHECK(Client::code(request(client, {{"type", "attach"}, {"token", "x"}})) == "unauthorized");
  Client nobody(world);
  CHECK(Client::code(request(nobody, {{"type", "attach"}})) == "unauthorized");
  CHECK(Client::code(request(nobody, {{"type", "ack"}, {"upTo", 1}})) == "not_joined");
  CHECK(Client::code(request(nobody, {{"type", "invite"}, {"users", {"x"}}})) == "not_joined");
}

TEST_CASE_METHOD(Fixture, "A session that is replaced loses its messages' way with its socket") {
  Client first(world), second(world), sender(world);
  first.join("bob");
  request(first, {{"type", "attach"}});
  attach(sender, "alice");
  second.join("bob");
  CHECK(first.connection->closeCode == 4001);
  CHECK(world.counter("devices_attached") == 1);
  request(sender, messageTo(bob, 1));
  CHECK(first.events("message").empty());
  CHECK(second.events("message").empty());
  CHECK(request(second, {{"type", "attach"}}).at("pending") == 1);
  CHECK(second.events("message").size() == 1);
}

TEST_CASE_METHOD(Fixture, "Inviting needs the grant to publish, and stops at the limit") {
  Client host(world), guest(world);
  host.join("alice");
  guest.join("bob", "demo", {{"token", world.token("bob", "demo", false)}});
  CHECK(Client::code(request(guest, {{"type", "invite"}, {"users", {"carol"}}})) == "forbidden");
  json many = json::array();
  for (int i = 0; i < 500; ++i) many.push_back("user-" + std::to_string(i));
  CHECK(request(host, {{"type", "invite"}, {"users", many}}).at("users").size() == 500);
  CHECK(Client::code(request(host, {{"type", "invite"}, {"users", {"one more"}}})) == "too_large");
  // Those who are there are not invited, and one invitation is one.
  CHECK(request(host, {{"type", "uninvite"}, {"users", many}}).at("users").empty());
  CHECK(request(host, {{"type", "invite"}, {"users", {"bob", "carol", "carol"}}}).at("users") ==
        json{"carol"});
  CHECK(guest.events("invited").size() == 3);
  CHECK(guest.joined["room"]["call"] == host.joined["room"]["call"]);
}

}  // namespace sotto::signaling::test
