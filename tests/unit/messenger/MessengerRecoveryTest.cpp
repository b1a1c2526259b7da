// A side that has lost its sessions or its identity, and a server that pretends so.
#include <catch2/catch.hpp>

#include "tests/unit/messenger/MessengerWorld.hpp"

namespace sotto::client::e2ee {
namespace {

/// Alice and Bob have talked in both directions.
struct Talking : Three {
  Talking() {
    alice.sendText({bob.id()}, "hello");
    network.run();
    bob.sendText({alice.id()}, "hello");
    network.run();
    alice.got.clear();
    bob.got.clear();
    alice.receipts.clear();
    bob.receipts.clear();
    alice.sent.clear();
    bob.sent.clear();
  }
};

IncomingMessage errorReceipt(const DeviceId& from, const MessageId& about) {
  const auto wire = encodeErrorReceipt({about, ErrorReceipt::Reason::NoSession});
  IncomingMessage message;
  message.from = from;
  message.id[0] = 77;
  message.type = EnvelopeType::Error;
  message.body.assign(wire.begin(), wire.end());
  return message;
}

}  // namespace

TEST_CASE("A conversation heals when a side has lost its sessions, and nothing arrives twice") {
  Talking world;
  world.bob.store.eraseSessions(world.alice.id());
  world.alice.sendText({world.bob.id()}, "can you hear me", 9);
  world.network.run();
  REQUIRE(world.bob.got.size() == 1);
  CHECK(world.bob.got[0].text == "can you hear me");
  CHECK(world.alice.receipts.back() == std::pair<DeviceId, uint64_t>{world.bob.id(), 9});
  CHECK(world.alice.messenger->counters().recoveries == 1);
  world.bob.sendText({world.alice.id()}, "loud and clear");
  world.network.run();
  CHECK(world.alice.got.size() == 1);
}

TEST_CASE("Several messages in the lost session are each sent once more, in one new session") {
  Talking world;
  world.bob.store.eraseSessions(world.alice.id());
  for (int i = 0; i < 4; ++i) world.alice.sendText({world.bob.id()}, std::to_string(i));
  world.network.run();
  CHECK(world.bob.got.size() == 4);
  CHECK(world.alice.messenger->counters().recoveries == 1);
  CHECK(world.alice.messenger->counters().resent == 4);
}

TEST_CASE("A shared body lost by one of its recipients goes to that one again, alone") {
  Talking world;
  world.alice.sendKey({world.carol.id()}, 1);
  world.network.run();
  world.bob.store.eraseSessions(world.alice.id());
  world.alice.sendKey({world.bob.id(), world.carol.id()}, 2, 3);
  world.network.run();
  REQUIRE(world.bob.got.size() == 1);
  CHECK(world.bob.got[0].text == "2");
  CHECK(world.carol.got.size() == 2);
  CHECK(world.alice.receipts.back() == std::pair<DeviceId, uint64_t>{world.bob.id(), 3});
}

TEST_CASE("To a changed identity nothing is sent before the user has accepted it") {
  Talking world;
  world.bob.wipe();
  world.alice.sendText({world.bob.id()}, "for the old bob");
  world.network.run();
  CHECK(world.bob.got.empty());
  CHECK(world.alice.changed == std::vector<DeviceId>{world.bob.id()});
  CHECK(world.alice.undelivered.back() ==
        std::pair<DeviceId, Undelivered>{world.bob.id(), Undelivered::IdentityChanged});
  const size_t sent = world.alice.sent.size();
  world.alice.sendKey({world.bob.id()}, 1);
  world.alice.sendText({world.bob.id()}, "still for the old bob");
  world.network.run();
  CHECK(world.alice.sent.size() == sent);

  REQUIRE(world.alice.messenger->changedIdentity(world.bob.id()) != nullptr);
  world.alice.messenger->acceptIdentity(world.bob.id(), world.network.now);
  world.network.run();
  INFO("texts are held, key messages are not: they are drawn anew by whoever keeps the keys");
  REQUIRE(world.bob.got.size() == 2);
  CHECK(world.bob.got[0].text == "for the old bob");
  CHECK(world.bob.got[1].text == "still for the old bob");
}

TEST_CASE("What a changed identity sends is not opened before the user has accepted it") {
  Talking world;
  world.bob.wipe();
  world.bob.sendText({world.alice.id()}, "I am the new bob");
  world.network.run();
  CHECK(world.alice.got.empty());
  CHECK(world.alice.changed == std::vector<DeviceId>{world.bob.id()});
  CHECK(world.bob.receipts.empty());
  world.alice.messenger->acceptIdentity(world.bob.id(), world.network.now);
  world.network.run();
  REQUIRE(world.alice.got.size() == 1);
  CHECK(world.alice.got[0].text == "I am the new bob");
}

TEST_CASE("A text that its recipient could not open goes out again from a process that did not send it") {
  Talking world;
  world.bob.store.eraseSessions(world.alice.id());
  world.alice.sendText({world.bob.id(), world.carol.id()}, "do you hear me");
  world.alice.sendKey({world.bob.id()}, 7);
  world.network.now = world.network.now + base::TimeDelta::millis(100);
  world.alice.messenger->onTime(world.network.now);
  world.alice.restart();
  world.network.run();
  REQUIRE(world.bob.got.size() == 1);
  CHECK(world.bob.got[0].text == "do you hear me");
  INFO("a key is not, for it lives no longer than its process, nor is what has been acknowledged");
  CHECK(world.carol.got.size() == 1);
  CHECK(world.alice.store.section("sent").empty());
  world.alice.restart();
  world.network.run();
  CHECK(world.bob.got.size() == 1);
}

TEST_CASE("A text that waits for the directory to begin a new session outlives its process, and comes once") {
  Talking world;
  world.bob.store.eraseSessions(world.alice.id());
  world.directory.slow = true;
  world.alice.sendText({world.bob.id()}, "patience");
  world.network.run();
  CHECK(world.bob.got.empty());
  REQUIRE_FALSE(world.directory.waiting.empty());
  world.directory.waiting.clear();
  SECTION("its process has ended") {
    world.alice.restart();
    world.alice.restart();
  }
  SECTION("the directory cannot be reached, and then the connection comes back") {
    world.directory.slow = false;
    world.directory.error = DirectoryError{"unreachable", "connection refused"};
    world.alice.restart();
    world.network.run();
    CHECK(world.alice.undelivered.back().second == Undelivered::OutOfReach);
    world.directory.error.reset();
    world.alice.messenger->resume(world.network.now);
  }
  world.directory.slow = false;
  world.directory.answer();
  world.network.run();
  REQUIRE(world.bob.got.size() == 1);
  CHECK(world.bob.got[0].text == "patience");
  world.alice.messenger->resume(world.network.now);
  world.alice.restart();
  world.network.run();
  CHECK(world.bob.got.size() == 1);
}

TEST_CASE("What waits for the user's yes to an identity outlives the process, in both directions") {
  Talking world;
  world.alice.sendText({world.bob.id()}, "on its way to the old bob");
  world.network.parcels.clear();
  const MessageId id = world.alice.sent.back().id;
  world.bob.wipe();
  world.alice.messenger->onMessage(errorReceipt(world.bob.id(), id), world.network.now);
  world.bob.sendText({world.alice.id()}, "I am the new bob");
  world.network.run();
  CHECK(world.alice.got.empty());
  CHECK(world.alice.acknowledged > 0);
  world.alice.changed.clear();
  world.alice.restart();
  world.network.run();
  CHECK(world.alice.got.empty());
  CHECK(world.bob.got.empty());
  CHECK(world.alice.changed == std::vector<DeviceId>{world.bob.id()});
  SECTION("accepted by the process that has found it") {
    world.alice.messenger->acceptIdentity(world.bob.id(), world.network.now);
  }
  SECTION("accepted while no messenger ran") {
    world.alice.store.pin(world.bob.id(), world.bob.store.keys().identity().publicKey);
    REQUIRE(world.alice.storage.save(world.alice.store));
    world.alice.restart();
  }
  world.network.run();
  REQUIRE(world.alice.got.size() == 1);
  CHECK(world.alice.got[0].text == "I am the new bob");
  REQUIRE(world.bob.got.size() == 1);
  CHECK(world.bob.got[0].text == "on its way to the old bob");
  CHECK(world.alice.store.section("held").empty());
  CHECK(world.alice.store.section("sent").empty());
  world.alice.restart();
  world.network.run();
  CHECK(world.alice.got.size() == 1);
  CHECK(world.bob.got.size() == 1);
}

TEST_CASE("A directory that swaps an identity is found out by the pin") {
  Talking world;
  world.directory.devices[world.bob.id()] = world.directory.devices[world.carol.id()];
  world.alice.messenger->onMessage(errorReceipt(world.bob.id(), MessageId{}), world.network.now);
  world.alice.sendText({world.bob.id()}, "in the old session");
  world.network.run();
  CHECK(world.bob.got.size() == 1);
  world.bob.store.eraseSessions(world.alice.id());
  world.alice.sendText({world.bob.id()}, "needs a new session");
  world.network.run();
  CHECK(world.bob.got.size() == 1);
  CHECK(world.alice.changed.size() == 1);
}

TEST_CASE("Error receipts about messages that were never sent there do nothing") {
  Talking world;
  world.alice.sendText({world.bob.id()}, "one");
  const MessageId id = world.alice.sent.back().id;
  world.network.run();
  const size_t sent = world.alice.sent.size();
  const unsigned fetches = world.directory.fetches;
  for (uint8_t i = 0; i < 100; ++i) {
    world.alice.messenger->onMessage(errorReceipt(world.bob.id(), {i, 1, 1}), world.network.now);
    INFO("from one to whom it was not sent");
    world.alice.messenger->onMessage(errorReceipt(world.carol.id(), id), world.network.now);
  }
  INFO("and about one that the device has acknowledged");
  world.alice.messenger->onMessage(errorReceipt(world.bob.id(), id), world.network.now);
  world.network.run();
  CHECK(world.alice.sent.size() == sent);
  CHECK(world.directory.fetches == fetches);
  CHECK(world.alice.store.hasSession(world.bob.id()));
}

TEST_CASE("A flood of error receipts makes a message be sent once more, and a session begun thrice an hour") {
  Talking world;
  for (int i = 0; i < 10; ++i) {
    world.alice.sendText({world.bob.id()}, std::to_string(i));
    const MessageId id = world.alice.sent.back().id;
    for (int repeat = 0; repeat < 20; ++repeat) {
      world.alice.messenger->onMessage(errorReceipt(world.bob.id(), id), world.network.now);
    }
    world.network.run();
  }
  CHECK(world.alice.messenger->counters().recoveries == Messenger::maxRecoveries);
  CHECK(world.alice.messenger->counters().resent == Messenger::maxRecoveries);
  INFO("every text was opened, at most twice: as sent, and as sent again");
  CHECK(world.bob.got.size() >= 10);
  CHECK(world.bob.got.size() <= 13);
}

TEST_CASE("Messages that do not open are complained about five times at once, then once a minute") {
  Talking world;
  IncomingMessage bad;
  bad.from = world.bob.id();
  world.bob.sendText({world.alice.id()}, "to be spoiled");
  bad = world.network.parcels.back().message;
  world.network.parcels.clear();
  bad.body[bad.body.size() - 1] ^= 1;
  for (uint8_t i = 0; i < 100; ++i) {
    bad.id = {i};
    world.alice.messenger->onMessage(bad, world.network.now);
    world.alice.messenger->onMessage(bad, world.network.now);
  }
  CHECK(world.alice.messenger->counters().errorsSent == 5);
  bad.id = {200};
  world.alice.messenger->onMessage(bad, world.network.now + base::TimeDelta::seconds(61));
  CHECK(world.alice.messenger->counters().errorsSent == 6);
}

TEST_CASE("What is no message at all gets no answer") {
  Talking world;
  IncomingMessage bad;
  bad.from = world.bob.id();
  for (const EnvelopeType type : {EnvelopeType::Signal, EnvelopeType::PreKey, EnvelopeType::Error}) {
    for (const size_t length : {0u, 1u, 17u, 18u, 100u}) {
      bad.type = type;
      bad.body.assign(length, 0x33);
      bad.id[1] = static_cast<uint8_t>(length);
      world.alice.messenger->onMessage(bad, world.network.now);
    }
  }
  world.network.run();
  CHECK(world.alice.sent.empty());
  CHECK(world.alice.got.empty());
}

}  // namespace sotto::client::e2ee
