// Messages between devices when all goes well, and what the directory or the storage can spoil.
#include "client/native/e2ee/messenger/Messenger.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/messenger/MessengerWorld.hpp"

namespace sotto::client::e2ee {

TEST_CASE("A text reaches its device, and its receipt comes back") {
  Three world;
  world.alice.sendText({world.bob.id()}, "hello", 42);
  world.network.run();
  REQUIRE(world.bob.got.size() == 1);
  CHECK(world.bob.got[0].from == world.alice.id());
  CHECK(world.bob.got[0].text == "hello");
  CHECK(world.alice.receipts == std::vector<std::pair<DeviceId, uint64_t>>{{world.bob.id(), 42}});
  INFO("inline, to one device");
  CHECK(world.alice.sent[0].shared.empty());
  CHECK(world.alice.sent[0].recipients[0].type == EnvelopeType::PreKey);
  CHECK(world.bob.acknowledged == 1);

  world.bob.sendText({world.alice.id()}, "hello yourself");
  world.alice.sendText({world.bob.id()}, "again");
  world.network.run();
  CHECK(world.alice.got.size() == 1);
  CHECK(world.bob.got.size() == 2);
  CHECK(world.alice.sent.back().recipients[0].type == EnvelopeType::Signal);
  CHECK(world.directory.fetches == 1);
}

TEST_CASE("To several devices the body goes once, and each gets the key to it") {
  Three world;
  world.alice.sendKey({world.bob.id(), world.carol.id(), world.alice.id()}, 7, 5);
  world.network.run();
  REQUIRE(world.alice.sent.size() == 1);
  CHECK(world.alice.sent[0].shared.size() == 336);
  CHECK(world.alice.sent[0].recipients.size() == 2);
  for (Peer* peer : {&world.bob, &world.carol}) {
    REQUIRE(peer->got.size() == 1);
    CHECK(peer->got[0].purpose == Purpose::MediaKey);
    CHECK(peer->got[0].text == "7");
  }
  CHECK(world.alice.receipts.size() == 2);
}

TEST_CASE("Key messages, receipts and shared keys have sealed bodies of one length") {
  Three world;
  world.alice.sendText({world.bob.id(), world.carol.id()}, "let us have sessions");
  world.network.run();
  world.bob.sendText({world.alice.id()}, "both ways");
  world.carol.sendText({world.alice.id()}, "both ways");
  world.network.run();
  world.alice.sent.clear();
  world.bob.sent.clear();
  world.alice.sendKey({world.bob.id()}, 1);
  world.alice.sendKey({world.bob.id(), world.carol.id()}, 2);
  world.network.run();
  std::set<size_t> lengths;
  for (const Peer* peer : {&world.alice, &world.bob}) {
    for (const OutgoingMessage& message : peer->sent) {
      for (const Envelope& envelope : message.recipients) lengths.insert(envelope.body.size());
    }
  }
  INFO("give or take the bytes of a counter");
  CHECK(*lengths.rbegin() - *lengths.begin() <= 2);
}

TEST_CASE("Receipts for many messages leave together") {
  Three world;
  for (uint8_t i = 0; i < 20; ++i) world.alice.sendKey({world.bob.id()}, i, i);
  for (uint8_t i = 0; i < 20; ++i) world.carol.sendKey({world.bob.id()}, i, i);
  world.network.run();
  CHECK(world.bob.got.size() == 40);
  REQUIRE(world.bob.sent.size() == 1);
  CHECK(world.bob.sent[0].recipients.size() == 2);
  CHECK_FALSE(world.bob.sent[0].store);
  CHECK(world.alice.receipts.size() == 20);
  CHECK(world.carol.receipts.size() == 20);
}

TEST_CASE("A message that the server delivers twice is opened once and complained about not at all") {
  Three world;
  world.alice.sendText({world.bob.id()}, "first");
  world.network.run();
  world.alice.sendText({world.bob.id()}, "once");
  REQUIRE(world.network.parcels.size() == 1);
  const IncomingMessage again = world.network.parcels.front().message;
  world.network.run();
  const size_t sent = world.bob.sent.size();
  world.bob.messenger->onMessage(again, world.network.now);
  world.network.run();
  CHECK(world.bob.got.size() == 2);
  CHECK(world.bob.sent.size() == sent);
}

TEST_CASE("The first message of a session, delivered twice, is opened once and complained about not at all") {
  Three world;
  world.alice.sendText({world.bob.id()}, "once");
  world.network.now = world.network.now + Messenger::gatherSessions;
  world.alice.messenger->onTime(world.network.now);
  REQUIRE(world.network.parcels.size() == 1);
  const IncomingMessage again = world.network.parcels.front().message;
  REQUIRE(again.type == EnvelopeType::PreKey);
  world.network.run();
  size_t opened = 1;
  SECTION("at once") {}
  SECTION("when the session has gone on in both directions") {
    world.bob.sendText({world.alice.id()}, "thanks");
    world.network.run();
    world.alice.sendText({world.bob.id()}, "later");
    world.network.run();
    opened = 2;
  }
  SECTION("when another session has taken its place") {
    world.alice.store.archiveSession(world.bob.id());
    world.alice.sendText({world.bob.id()}, "anew");
    world.network.run();
    opened = 2;
  }
  const size_t sent = world.bob.sent.size();
  world.bob.messenger->onMessage(again, world.network.now);
  world.network.run();
  CHECK(world.bob.got.size() == opened);
  CHECK(world.bob.sent.size() == sent);
  CHECK(world.bob.messenger->counters().duplicates == 1);
}

TEST_CASE("Two who write to each other at the same time converge on a session") {
  Three world;
  world.alice.sendText({world.bob.id()}, "from alice");
  world.bob.sendText({world.alice.id()}, "from bob");
  world.network.run();
  for (int i = 0; i < 3; ++i) {
    world.alice.sendText({world.bob.id()}, "more");
    world.bob.sendText({world.alice.id()}, "more");
    world.network.run();
  }
  CHECK(world.alice.got.size() == 4);
  CHECK(world.bob.got.size() == 4);
  CHECK(world.alice.sent.back().recipients[0].type == EnvelopeType::Signal);
  CHECK(world.bob.sent.back().recipients[0].type == EnvelopeType::Signal);
}

TEST_CASE("Messages to one device arrive in the order of their sending, the first ones too") {
  Three world;
  for (const char* text : {"1", "2", "3"}) world.alice.sendText({world.bob.id()}, text);
  world.network.run();
  world.alice.sendText({world.bob.id(), world.carol.id()}, "4");
  world.alice.sendText({world.bob.id()}, "5");
  world.alice.sendText({world.bob.id(), world.carol.id()}, "6");
  world.network.run();
  std::string texts;
  for (const Peer::Got& got : world.bob.got) texts += got.text;
  CHECK(texts == "123456");
}

TEST_CASE("While the directory takes its time, messages wait and are not asked about twice") {
  Three world;
  world.directory.slow = true;
  world.alice.sendKey({world.bob.id(), world.carol.id()}, 1, 1);
  world.alice.sendKey({world.bob.id(), world.carol.id()}, 2, 2);
  CHECK(world.alice.sent.empty());
  CHECK(world.directory.fetches == 2);
  world.directory.answer();
  world.network.run();
  INFO("one shared body each, although the answers came one by one");
  CHECK(world.alice.sent.size() == 2);
  CHECK(world.bob.got.size() == 2);
  CHECK(world.carol.got.size() == 2);
}

TEST_CASE("What the directory cannot give is told, by kind") {
  Three world;
  Undelivered expected = Undelivered::NoKeys;
  SECTION("no such device") {
    world.directory.devices.erase(world.bob.id());
  }
  SECTION("no such user") {
    world.directory.error = DirectoryError{"unknown_user", "no such user"};
  }
  SECTION("out of reach") {
    world.directory.error = DirectoryError{"unreachable", "connection refused"};
    expected = Undelivered::OutOfReach;
  }
  SECTION("a signed prekey that its identity has not signed") {
    world.directory.devices[world.bob.id()].signedPreKey.signature[0] ^= 1;
    expected = Undelivered::BadKeys;
  }
  SECTION("another device's signed prekey") {
    world.directory.devices[world.bob.id()].signedPreKey =
        world.directory.devices[world.carol.id()].signedPreKey;
    expected = Undelivered::BadKeys;
  }
  world.alice.sendText({world.bob.id()}, "hello");
  world.network.run();
  CHECK(world.alice.sent.empty());
  REQUIRE(world.alice.undelivered.size() == 1);
  CHECK(world.alice.undelivered[0].second == expected);
}

TEST_CASE("A device that is not connected is told from one that does not exist") {
  Three world;
  world.network.offline.insert(world.bob.id());
  world.alice.sendKey({world.bob.id()}, 1);
  world.network.run();
  REQUIRE(world.alice.undelivered.size() == 1);
  CHECK(world.alice.undelivered[0].second == Undelivered::OutOfReach);
  world.network.peers.erase(world.bob.id());
  world.alice.sendText({world.bob.id()}, "hello");
  REQUIRE(world.alice.undelivered.size() == 2);
  CHECK(world.alice.undelivered[1].second == Undelivered::NoKeys);
}

TEST_CASE("What could not be stored does not leave, and is not acknowledged") {
  Three world;
  world.alice.sendText({world.bob.id()}, "before");
  world.network.run();
  const size_t sent = world.alice.sent.size();
  world.alice.storage.broken = world.bob.storage.broken = true;
  world.alice.sendText({world.bob.id()}, "not safe");
  world.network.run();
  CHECK(world.alice.sent.size() == sent);
  CHECK(world.alice.undelivered.size() == 1);
  CHECK(world.alice.warnings.size() == 1);
  world.alice.storage.broken = false;
  world.alice.sendText({world.bob.id()}, "safe here, not there");
  const uint64_t acknowledged = world.bob.acknowledged;
  world.network.run();
  CHECK(world.bob.acknowledged == acknowledged);
}

TEST_CASE("A shared body that was exchanged, or comes under other names, opens nothing") {
  Three world;
  world.alice.sendKey({world.bob.id(), world.carol.id()}, 1);
  world.network.now = world.network.now + base::TimeDelta::millis(100);
  world.alice.messenger->onTime(world.network.now);
  IncomingMessage message = world.network.parcels.front().message;
  SECTION("purpose") {
    message.purpose = 3;
  }
  SECTION("purpose out of range") {
    message.purpose = 99;
  }
  SECTION("group") {
    message.group = "another";
  }
  SECTION("message id") {
    message.id[0] ^= 1;
  }
  SECTION("a byte of it") {
    message.shared[10] ^= 1;
  }
  SECTION("all of it") {
    message.shared.clear();
  }
  world.bob.messenger->onMessage(message, world.network.now);
  CHECK(world.bob.got.empty());
  CHECK(world.bob.warnings.size() == 1);
  INFO("and gets no receipt");
  world.network.parcels.clear();
  world.network.run();
  CHECK(world.bob.sent.empty());
}

TEST_CASE("One-time prekeys are refilled to a hundred and the signed prekey is renewed when due") {
  Three world;
  DeviceRegistration registration(world.bob.store, world.bob.storage, world.directory, world.bob.random);
  world.directory.registering = world.bob.id();
  auto& keys = world.directory.devices[world.bob.id()];
  keys.oneTimePreKeys.resize(15);
  registration.refill(15, [](const std::string& problem) { CHECK(problem.empty()); });
  CHECK(keys.oneTimePreKeys.size() == 100);
  const uint32_t before = keys.signedPreKey.id;
  registration.renewIfDue(1'700'000'000 + 6 * 86'400, [](const std::string&) {});
  CHECK(keys.signedPreKey.id == before);
  registration.renewIfDue(1'700'000'000 + 8 * 86'400, [](const std::string&) {});
  CHECK(keys.signedPreKey.id != before);
  world.alice.sendText({world.bob.id()}, "with the new one");
  world.network.run();
  CHECK(world.bob.got.size() == 1);
}

}  // namespace sotto::client::e2ee
