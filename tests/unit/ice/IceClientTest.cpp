// The client's agent against the lite agent over a seeded network in virtual time.
#include "media/ice/IceClient.hpp"

#include <catch2/catch.hpp>
#include <deque>

#include "media/ice/IceLite.hpp"

using namespace sotto::ice;
using sotto::base::ByteView;
using sotto::base::SeededRandom;
using sotto::base::SocketAddress;
using sotto::base::TimeDelta;
using sotto::base::Timestamp;
using Bytes = std::vector<uint8_t>;

namespace {

const SocketAddress good = SocketAddress::v4(192, 0, 2, 1, 40000);
const SocketAddress dead = SocketAddress::v4(192, 0, 2, 99, 40000);

/// A client and a server at `good`; what is sent elsewhere is lost.
struct Net {
  explicit Net(uint64_t seed = 1, std::vector<SocketAddress> candidates = {good})
      : random(seed),
        client({"client", "server", "server-password", std::move(candidates)}, random,
               [this](ByteView d, const SocketAddress& to) { toServer(d, to); }) {}

  void toServer(ByteView datagram, const SocketAddress& to) {
    ++requests;
    if (to != good || blocked || random.u32() % 100 < lossPercent) return;
    wire.push_back({now + delay, true, clientAddress, Bytes(datagram.begin(), datagram.end())});
  }
  void deliver(const Bytes& bytes, bool atServer, const SocketAddress& from) {
    if (!atServer) return client.onDatagram(bytes, answersFrom, now);
    Bytes response(IceLite::maxResponse);
    response.resize(server.handle(StunMessage::parse(bytes).value(), from, now, response).responseSize);
    if (response.empty() || random.u32() % 100 < lossPercent) return;
    wire.push_back({now + delay, false, good, response});
  }
  void run(TimeDelta time) {
    const Timestamp end = now + time;
    while (true) {
      Timestamp next = client.nextDeadline();
      if (!wire.empty()) next = std::min(next, wire.front().arrival);
      if (next > end) break;
      now = std::max(now, next);
      if (!wire.empty() && wire.front().arrival <= now) {
        const auto arrived = wire.front();
        wire.pop_front();
        deliver(arrived.bytes, arrived.atServer, arrived.from);
      } else {
        client.onTime(now);
      }
    }
    now = end;
  }

  struct InFlight {
    Timestamp arrival;
    bool atServer;
    SocketAddress from;
    Bytes bytes;
  };
  Timestamp now = Timestamp::millis(5000);
  TimeDelta delay = TimeDelta::millis(10);
  uint32_t lossPercent = 0;
  bool blocked = false;
  int requests = 0;
  SocketAddress clientAddress = SocketAddress::v4(203, 0, 113, 5, 1234);
  SocketAddress answersFrom = good;
  std::deque<InFlight> wire;
  SeededRandom random;
  IceLite server{{"server", "server-password", "client"}};
  IceClient client;
};

}  // namespace

TEST_CASE("The client nominates a candidate in two round trips and learns its own address") {
  Net net;
  net.client.start(net.now);
  CHECK(net.client.state() == IceClientState::Checking);
  net.run(TimeDelta::millis(40));
  CHECK(net.client.state() == IceClientState::Connected);
  CHECK(net.client.selected() == good);
  CHECK(net.client.mapped() == net.clientAddress);
  CHECK(net.client.roundTripTime() == TimeDelta::millis(20));
  CHECK(net.server.selected() == net.clientAddress);
  CHECK(net.requests == 2);
}

TEST_CASE("Candidates that do not answer only cost the pacing interval") {
  Net net(1, {dead, dead, good});
  net.client.start(net.now);
  net.run(TimeDelta::millis(140));
  CHECK(net.client.state() == IceClientState::Connected);
  CHECK(net.client.selected() == good);
}

TEST_CASE("A lost nomination is repeated after what the first check has told of the way") {
  Net net;
  net.delay = TimeDelta::millis(25);
  net.client.start(net.now);
  net.run(TimeDelta::millis(49));
  REQUIRE(net.requests == 1);
  net.blocked = true;
  net.run(TimeDelta::millis(50));
  REQUIRE(net.requests == 2);
  net.blocked = false;
  net.run(TimeDelta::millis(200));
  CHECK(net.requests == 3);
  CHECK(net.client.state() == IceClientState::Connected);
}

TEST_CASE("Checks and consent get through heavy loss") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Net net(seed);
    net.lossPercent = 30;
    net.client.start(net.now);
    net.run(TimeDelta::seconds(120));
    CHECK(net.client.state() == IceClientState::Connected);
  }
}

TEST_CASE("Without any answer the client fails when its last check has timed out") {
  Net net(1, {dead});
  net.client.start(net.now);
  net.run(TimeDelta::seconds(29));
  CHECK(net.client.state() == IceClientState::Checking);
  CHECK(net.requests > 10);
  CHECK(net.requests < 20);
  net.run(TimeDelta::seconds(2));
  CHECK(net.client.state() == IceClientState::Failed);
  CHECK(net.client.nextDeadline() == Timestamp::plusInfinity());
}

TEST_CASE("Without candidates, and with wrong credentials, the client fails at once") {
  Net empty(1, {});
  empty.client.start(empty.now);
  CHECK(empty.client.state() == IceClientState::Failed);
  Net wrong;
  wrong.server.restart({"server", "another-password", "client"});
  wrong.client.start(wrong.now);
  wrong.run(TimeDelta::millis(30));
  CHECK(wrong.client.state() == IceClientState::Failed);
}

TEST_CASE("An answer from another address does not count") {
  Net net;
  net.answersFrom = dead;
  net.client.start(net.now);
  net.run(TimeDelta::millis(40));
  CHECK(net.client.state() == IceClientState::Failed);
}

TEST_CASE("Forged answers do not connect") {
  Net net;
  net.blocked = true;
  net.client.start(net.now);
  for (uint64_t seed = 1; seed < 200; ++seed) {
    SeededRandom forger(seed);
    StunFields fields;
    fields.messageClass = seed % 2 == 0 ? StunClass::Success : StunClass::Error;
    forger.fill(fields.transactionId);
    fields.xorMappedAddress = dead;
    Bytes bytes(300);
    bytes.resize(writeStun(fields, "guess", bytes));
    net.client.onDatagram(bytes, good, net.now);
  }
  CHECK(net.client.state() == IceClientState::Checking);
}

TEST_CASE("Consent checks go out every four to six seconds and keep both ends connected") {
  Net net(7);
  net.client.start(net.now);
  net.run(TimeDelta::seconds(1));
  const int before = net.requests;
  net.run(TimeDelta::seconds(600));
  CHECK(net.client.state() == IceClientState::Connected);
  CHECK(net.server.connected(net.now));
  CHECK(net.requests - before >= 100);
  CHECK(net.requests - before <= 150);
}

TEST_CASE("Consent is lost thirty seconds after the last answer, and a restart brings it back") {
  Net net;
  net.client.start(net.now);
  net.run(TimeDelta::seconds(1));
  net.blocked = true;
  net.run(TimeDelta::seconds(24));
  CHECK(net.client.state() == IceClientState::Connected);
  net.run(TimeDelta::seconds(8));
  CHECK(net.client.state() == IceClientState::Disconnected);
  CHECK(net.server.expired(net.now));

  net.blocked = false;
  net.server.restart({"server2", "password2", "client2"});
  net.client.restart({"client2", "server2", "password2", {good}}, net.now);
  CHECK(net.client.state() == IceClientState::Checking);
  net.run(TimeDelta::millis(40));
  CHECK(net.client.state() == IceClientState::Connected);
  CHECK(net.server.connected(net.now));
}

TEST_CASE("A restart while connected keeps the path until the new one is nominated") {
  Net net;
  net.client.start(net.now);
  net.run(TimeDelta::seconds(1));
  net.server.restart({"server2", "password2", "client2"});
  net.client.restart({"client2", "server2", "password2", {good}}, net.now);
  CHECK(net.client.state() == IceClientState::Connected);
  CHECK(net.client.selected() == good);
  net.run(TimeDelta::seconds(60));
  CHECK(net.client.state() == IceClientState::Connected);
  CHECK(net.server.connected(net.now));
}

TEST_CASE("When the client's address changes the server follows, at once when the client knows") {
  Net net;
  net.client.start(net.now);
  net.run(TimeDelta::seconds(1));
  net.clientAddress = SocketAddress::v4(198, 51, 100, 77, 4321);
  net.client.networkChanged(net.now);
  net.run(TimeDelta::millis(30));
  CHECK(net.server.selected() == net.clientAddress);
  CHECK(net.client.mapped() == net.clientAddress);
  net.clientAddress = SocketAddress::v4(198, 51, 100, 78, 4321);
  net.run(TimeDelta::seconds(7));
  CHECK(net.server.selected() == net.clientAddress);
}
