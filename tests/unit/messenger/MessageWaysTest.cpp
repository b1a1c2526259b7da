// Key messages over two ways: which is taken, what happens when the data channel brings nothing, and that a
// message that comes by both is one message.
#include "client/native/e2ee/messenger/MessageWays.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "client/native/e2ee/messenger/DirectMessage.hpp"
#include "tests/unit/messenger/MessengerWorld.hpp"

namespace sotto::client::e2ee {
namespace {

using base::TimeDelta;

/// A peer that has a data channel, too.
struct WayPeer final : Peer, MessageCarrier {
  using Peer::Peer;

  void send(OutgoingMessage message, std::function<void(SendOutcome)> done) override {
    ways.send(std::move(message), std::move(done), network.now);
  }
  void arrived(const DeviceId& by, const MessageId& id) override { ways.arrived(by, id, network.now); }
  void came(const IncomingMessage& message, bool again) override { ways.came(message, again, network.now); }
  void sendBySocket(OutgoingMessage message, std::function<void(SendOutcome)> done) override {
    Peer::send(std::move(message), std::move(done));
  }
  bool sendDirect(uint16_t sender, base::ByteView payload) override {
    if (!channelOpen || payload.size() > largest) return false;
    direct.push_back({sender, {payload.begin(), payload.end()}});
    return true;
  }
  TimeDelta roundTrip() const override { return TimeDelta::millis(50); }

  struct Direct {
    uint16_t to = 0;
    std::vector<uint8_t> payload;
  };
  MessageWays ways{*this, id()};
  bool channelOpen = true;
  size_t largest = 65'532;
  std::deque<Direct> direct;  ///< on its way to the server
};

/// Members 1, 2 and 3 of a call, whose sessions are there, with all data channels open.
struct Call {
  TestNetwork network;
  TestDirectory directory;
  WayPeer alice{network, directory, "alice", 1}, bob{network, directory, "bob", 2},
      carol{network, directory, "carol", 3};
  bool forwards = true;  ///< the server does, data messages

  Call() {
    for (WayPeer* one : peers()) {
      for (WayPeer* other : peers()) {
        if (one < other) one->sendText({other->id()}, "let us have a session");
      }
    }
    run();
    for (WayPeer* one : peers()) {
      for (WayPeer* other : peers()) {
        if (one != other) one->ways.reachable(numberOf(*other), other->id());
      }
      one->sent.clear();
      one->receipts.clear();
      one->got.clear();
    }
  }

  std::array<WayPeer*, 3> peers() { return {&alice, &bob, &carol}; }
  uint16_t numberOf(const WayPeer& peer) const { return &peer == &alice ? 1 : &peer == &bob ? 2 : 3; }

  /// What the origin's number says, and nothing else, tells the receiver whose it is.
  void deliver(WayPeer& to, const WayPeer& origin, base::ByteView payload) {
    auto message = decodeDirect(payload, origin.id());
    REQUIRE(message);
    to.messenger->onMessage(std::move(*message), network.now);
  }
  void deliverDirect() {
    for (WayPeer* from : peers()) {
      for (const WayPeer::Direct& data : std::exchange(from->direct, {})) {
        if (forwards) deliver(*peers().at(size_t{data.to} - 1), *from, data.payload);
      }
    }
  }
  base::Timestamp next() {
    base::Timestamp deadline = base::Timestamp::plusInfinity();
    for (WayPeer* peer : peers()) {
      deadline = std::min({deadline, peer->messenger->nextDeadline(), peer->ways.nextDeadline()});
    }
    return deadline;
  }
  /// Everything that happens by itself, each hop in 20 ms.
  void run() {
    for (int round = 0; round < 1'000; ++round) {
      bool moving = !network.parcels.empty();
      for (WayPeer* peer : peers()) moving = moving || !peer->direct.empty();
      if (!moving && next() == base::Timestamp::plusInfinity()) return;
      network.now = moving ? network.now + TimeDelta::millis(20) : std::max(network.now, next());
      while (!network.parcels.empty()) network.deliverOne();
      deliverDirect();
      for (WayPeer* peer : peers()) {
        peer->ways.onTime(network.now);
        peer->messenger->onTime(network.now);
      }
    }
    FAIL("it goes on for ever");
  }
};

using Receipts = std::vector<std::pair<DeviceId, uint64_t>>;

Receipts sorted(Receipts receipts) {
  std::sort(receipts.begin(), receipts.end());
  return receipts;
}

}  // namespace

TEST_CASE("With both data channels open a key and its receipts take them, and nothing the WebSocket") {
  Call call;
  call.alice.sendKey({call.bob.id(), call.carol.id()}, 7, 5);
  call.run();
  CHECK(call.alice.sent.empty());
  CHECK(call.bob.sent.empty());
  REQUIRE(call.bob.got.size() == 1);
  CHECK(call.bob.got[0].text == "7");
  CHECK(call.bob.got[0].from == call.alice.id());
  CHECK(sorted(call.alice.receipts) == Receipts{{call.bob.id(), 5}, {call.carol.id(), 5}});
  CHECK(call.alice.ways.counters().sentDirect == 2);
  CHECK(call.alice.ways.counters().openedDirect == 2);
  CHECK(call.alice.ways.counters().fellBack == 0);
  CHECK(call.bob.ways.counters().sentDirect == 1);
}

TEST_CASE("Texts, stored messages and requests for a key go by the WebSocket") {
  Call call;
  call.alice.sendText({call.bob.id()}, "hello");
  Body body;
  body.group = "call";
  body.what = KeyRequest{2, 0, 0};
  call.alice.messenger->send(body, {call.bob.id()}, 0, /*store=*/false, call.network.now);
  body.what = MediaKey{{1, 0, 0}, frame::Suite::Duo, SecretBytes(32)};
  call.alice.messenger->send(body, {call.bob.id()}, 0, /*store=*/true, call.network.now);
  CHECK(call.alice.direct.empty());
  CHECK(call.alice.sent.size() == 3);
}

TEST_CASE(
    "Who has no data channel gets its copy by the WebSocket at once, the others theirs by the channel") {
  Call call;
  call.alice.ways.unreachable(3, call.network.now);
  call.alice.sendKey({call.bob.id(), call.carol.id()}, 7, 5);
  REQUIRE(call.alice.sent.size() == 1);
  REQUIRE(call.alice.sent[0].recipients.size() == 1);
  CHECK(call.alice.sent[0].recipients[0].to == call.carol.id());
  CHECK(call.alice.direct.size() == 1);
  call.run();
  CHECK(call.alice.receipts.size() == 2);
  CHECK(call.carol.got.size() == 1);
  INFO("Carol answers on the way on which it came");
  CHECK(call.carol.ways.counters().sentBySocket == 1);
  CHECK(call.bob.ways.counters().sentDirect == 1);
}

TEST_CASE("Without a channel of our own, or when it takes no more, everything goes by the WebSocket") {
  Call call;
  SECTION("closed") {
    call.alice.channelOpen = false;
  }
  SECTION("the message is too large for it, or it is full") {
    call.alice.largest = 100;
  }
  call.alice.sendKey({call.bob.id(), call.carol.id()}, 7, 5);
  REQUIRE(call.alice.sent.size() == 1);
  CHECK(call.alice.sent[0].recipients.size() == 2);
  call.run();
  CHECK(call.alice.receipts.size() == 2);
  CHECK(call.alice.ways.counters().sentDirect == 0);
}

TEST_CASE("What the channel swallows goes by the WebSocket, byte for byte the same, and is counted once") {
  Call call;
  call.forwards = false;
  call.alice.sendKey({call.bob.id(), call.carol.id()}, 7, 5);
  const auto swallowed = call.alice.direct;
  const base::Timestamp sentAt = call.network.now;
  call.run();
  CHECK((call.network.now - sentAt).ms() <= MessageWays::longestWait.ms() + 200);
  INFO("one request for both");
  REQUIRE(call.alice.sent.size() == 1);
  REQUIRE(call.alice.sent[0].recipients.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(encodeDirect(call.alice.sent[0], call.alice.sent[0].recipients[i]) == swallowed.at(i).payload);
  }
  CHECK(call.alice.receipts.size() == 2);
  CHECK(call.bob.got.size() == 1);
  CHECK(call.alice.ways.counters().fellBack == 2);

  INFO("what comes late after all changes nothing");
  const uint64_t revision = call.bob.store.revision();
  call.deliver(call.bob, call.alice, swallowed.at(swallowed.at(0).to == 2 ? 0 : 1).payload);
  call.run();
  CHECK(call.bob.got.size() == 1);
  CHECK(call.bob.store.revision() == revision);
  CHECK(call.bob.ways.counters().repeated == 1);
  CHECK(call.alice.receipts.size() == 2);

  INFO("and the channel gets a rest");
  call.alice.sent.clear();
  call.alice.sendKey({call.bob.id()}, 8, 6);
  CHECK(call.alice.direct.empty());
  CHECK(call.alice.sent.size() == 1);
  call.run();
  call.network.now = call.network.now + MessageWays::rest;
  call.alice.sendKey({call.bob.id()}, 9, 7);
  CHECK(call.alice.direct.size() == 1);
}

TEST_CASE("A receipt that the channel swallows is repeated when the key comes again, as it was") {
  Call call;
  call.alice.sendKey({call.bob.id()}, 7, 5);
  call.deliverDirect();
  call.forwards = false;
  call.run();
  CHECK(call.alice.receipts == Receipts{{call.bob.id(), 5}});
  CHECK(call.bob.got.size() == 1);
  CHECK(call.alice.ways.counters().fellBack == 1);
  CHECK(call.bob.ways.counters().receiptsRepeated == 1);
  REQUIRE(call.bob.sent.size() == 1);
  CHECK(call.bob.sent[0].purpose == purposeReceipt);
  INFO("a server that repeats the key again and again gets no more answers, and no state changes");
  const uint64_t revision = call.bob.store.revision();
  const OutgoingMessage again = call.alice.sent.at(0);
  for (int i = 0; i < 20; ++i) call.network.take(call.alice.id(), again);
  call.run();
  CHECK(call.bob.sent.size() == 1);
  CHECK(call.bob.store.revision() == revision);
  CHECK(call.bob.got.size() == 1);
}

TEST_CASE("It does not matter in which order the two ways bring what was sent") {
  const uint64_t seed = GENERATE(range(uint64_t{1}, uint64_t{20}));
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  Call call;
  std::vector<IncomingMessage> copies;
  constexpr uint8_t keys = 12;  // as many as may be on their way
  for (uint8_t i = 0; i < keys; ++i) {
    call.alice.sendKey({call.bob.id()}, i, i + 1u);
    for (const auto& data : std::exchange(call.alice.direct, {})) {
      auto message = decodeDirect(data.payload, call.alice.id());
      REQUIRE(message);
      copies.push_back(*message);
      message->direct = false;
      copies.push_back(*message);
    }
  }
  REQUIRE(copies.size() == 2 * keys);
  for (size_t i = copies.size(); i > 1; --i) std::swap(copies[i - 1], copies[random.u32() % i]);
  for (const IncomingMessage& copy : copies) call.bob.messenger->onMessage(copy, call.network.now);
  call.run();
  CHECK(call.bob.got.size() == keys);
  std::set<std::string> different;
  for (const auto& got : call.bob.got) different.insert(got.text);
  CHECK(different.size() == keys);
  CHECK(call.bob.messenger->counters().refused == 0);
  CHECK(call.bob.messenger->counters().errorsSent == 0);
  CHECK(call.alice.receipts.size() == keys);
}

TEST_CASE("When a channel closes, what waits for a receipt goes by the WebSocket at once") {
  Call call;
  call.forwards = false;
  call.alice.sendKey({call.bob.id(), call.carol.id()}, 7, 5);
  const base::Timestamp sentAt = call.network.now;
  SECTION("our own") {
    call.alice.ways.channelLost(sentAt);
    CHECK(call.alice.ways.counters().fellBack == 2);
    REQUIRE(call.alice.sent.size() == 1);
    CHECK(call.alice.sent[0].recipients.size() == 2);
    INFO("once it is open again it is used again");
    call.run();
    call.alice.direct.clear();
    call.alice.sendKey({call.bob.id()}, 8, 6);
    CHECK(call.alice.direct.size() == 1);
  }
  SECTION("the recipient's") {
    call.alice.ways.unreachable(2, sentAt);
    CHECK(call.alice.ways.nextDeadline() == sentAt);
    call.alice.ways.onTime(sentAt);
    CHECK(call.alice.ways.counters().fellBack == 1);
    call.alice.ways.reachable(2, call.bob.id());
    call.alice.direct.clear();
    call.alice.sendKey({call.bob.id()}, 8, 6);
    CHECK(call.alice.direct.size() == 1);
  }
  SECTION("the recipient leaves: nothing is sent to it any more") {
    call.alice.ways.gone(2);
    call.alice.ways.gone(3);
    CHECK(call.alice.ways.nextDeadline() == base::Timestamp::plusInfinity());
    CHECK(call.alice.sent.empty());
  }
}

TEST_CASE(
    "So much may be on its way without a receipt: the rest of a large call is reached over the WebSocket") {
  Call call;
  call.forwards = false;
  size_t sent = 0;
  while (call.alice.sent.empty() && sent < 1'000) call.alice.sendKey({call.bob.id()}, 1, ++sent);
  size_t bytes = 0;
  for (const auto& data : call.alice.direct) bytes += data.payload.size();
  CHECK(bytes <= MessageWays::maxUnconfirmed);
  CHECK(bytes > MessageWays::maxUnconfirmed - 1'000);
  INFO("with the receipts there is room again");
  call.forwards = true;
  call.run();
  CHECK(call.alice.receipts.size() == sent);
  const uint64_t before = call.alice.ways.counters().sentDirect;
  call.alice.sendKey({call.carol.id()}, 2, 1);
  CHECK(call.alice.ways.counters().sentDirect == before + 1);
}

TEST_CASE("What comes under another's number opens nothing, and the real message still does") {
  Call call;
  call.alice.sendKey({call.bob.id()}, 7, 5);
  const auto sealed = std::exchange(call.alice.direct, {});
  REQUIRE(sealed.size() == 1);
  INFO("the server says that it is Carol's");
  call.deliver(call.bob, call.carol, sealed[0].payload);
  CHECK(call.bob.got.empty());
  CHECK(call.bob.ways.counters().openedDirect == 0);
  INFO("Alice's own, changed on its way");
  auto forged = sealed[0].payload;
  forged[forged.size() - 20] ^= 1;
  call.deliver(call.bob, call.alice, forged);
  CHECK(call.bob.got.empty());
  INFO("an unharmed copy by the other way");
  call.network.now = call.network.now + MessageWays::longestWait;
  call.alice.ways.onTime(call.network.now);
  call.run();
  REQUIRE_FALSE(call.bob.got.empty());
  for (const auto& got : call.bob.got) {
    CHECK(got.text == "7");
    CHECK(got.from == call.alice.id());
  }
  CHECK(call.alice.receipts.size() == call.bob.got.size());
}

TEST_CASE("The wait for a receipt follows the round trip, within its bounds") {
  Call call;
  const auto wait = [&] {
    call.alice.sendKey({call.bob.id()}, 1, 1);
    return call.alice.ways.nextDeadline() - call.network.now;
  };
  INFO("nothing measured yet: two round trips to the server and a margin");
  CHECK(wait().ms() == 400);
  call.run();
  CHECK(wait().ms() < 400);
  for (int i = 0; i < 20; ++i) {
    call.run();
    wait();
  }
  CHECK(wait().ms() == MessageWays::shortestWait.ms());
  call.run();
  INFO("a receipt that takes long, so that a copy has gone by the WebSocket meanwhile");
  call.alice.sendKey({call.bob.id()}, 1, 1);
  call.network.now = call.network.now + TimeDelta::millis(900);
  call.run();
  call.network.now = call.network.now + MessageWays::rest;
  CHECK(wait().ms() == MessageWays::longestWait.ms());
}

TEST_CASE(
    "When the server refuses what goes by the WebSocket, those alone are undelivered who were to get it so") {
  Call call;
  call.alice.ways.unreachable(3, call.network.now);
  call.network.offline.insert(call.carol.id());
  call.alice.sendKey({call.bob.id(), call.carol.id()}, 7, 5);
  call.run();
  REQUIRE(call.alice.undelivered.size() == 1);
  CHECK(call.alice.undelivered[0].first == call.carol.id());
  CHECK(call.alice.receipts == Receipts{{call.bob.id(), 5}});
}

}  // namespace sotto::client::e2ee
