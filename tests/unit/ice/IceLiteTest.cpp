// The lite agent's answers, nomination, change of address and consent.
#include "media/ice/IceLite.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "media/base/Random.hpp"

using namespace sotto::ice;
using sotto::base::SocketAddress;
using sotto::base::TimeDelta;
using sotto::base::Timestamp;
using Bytes = std::vector<uint8_t>;

namespace {

const SocketAddress home = SocketAddress::v4(192, 0, 2, 1, 5000);
const SocketAddress mobile = SocketAddress::v4(198, 51, 100, 9, 6000);

struct Peer {
  IceLite agent{{"local", "local-password", "remote"}};
  Timestamp now = Timestamp::millis(10'000);
  Bytes response = Bytes(IceLite::maxResponse);
  uint8_t transaction = 1;
  std::string username = "local:remote";
  std::string password = "local-password";

  StunFields request(bool nominate = true) {
    StunFields fields;
    fields.transactionId.fill(transaction++);
    fields.username = username;
    fields.priority = 1;
    fields.useCandidate = nominate;
    fields.iceControlling = 77;
    return fields;
  }
  IceLite::Result send(const StunFields& fields, const SocketAddress& from) {
    Bytes bytes(300);
    bytes.resize(writeStun(fields, password, bytes));
    return sendRaw(bytes, from);
  }
  IceLite::Result sendRaw(const Bytes& bytes, const SocketAddress& from) {
    return agent.handle(StunMessage::parse(bytes).value(), from, now, response);
  }
  StunMessage answer(const IceLite::Result& result) {
    return StunMessage::parse(sotto::base::ByteView(response).first(result.responseSize)).value();
  }
};

}  // namespace

TEST_CASE("A check is answered with the address it came from, under our password") {
  Peer peer;
  const StunFields request = peer.request(false);
  const auto result = peer.send(request, home);
  CHECK(result.authenticated);
  CHECK_FALSE(result.selectedChanged);
  CHECK_FALSE(peer.agent.selected());
  const StunMessage answer = peer.answer(result);
  CHECK(answer.messageClass == StunClass::Success);
  CHECK(answer.transactionId == request.transactionId);
  CHECK(answer.xorMappedAddress == home);
  CHECK(answer.verifyIntegrity("local-password"));
  CHECK(answer.hasFingerprint);
}

TEST_CASE("USE-CANDIDATE nominates any address, and another one later") {
  Peer peer;
  CHECK(peer.send(peer.request(), home).selectedChanged);
  CHECK(peer.agent.selected() == home);
  CHECK(peer.agent.connected(peer.now));
  CHECK_FALSE(peer.send(peer.request(), home).selectedChanged);
  CHECK_FALSE(peer.send(peer.request(false), mobile).selectedChanged);
  CHECK(peer.agent.selected() == home);
  CHECK(peer.send(peer.request(), mobile).selectedChanged);
  CHECK(peer.agent.selected() == mobile);
}

TEST_CASE("A copy of a check from another address selects nothing and gets no answer") {
  Peer peer;
  const StunFields request = peer.request();
  peer.send(request, home);
  const auto copied = peer.send(request, mobile);
  CHECK(copied.responseSize == 0);
  CHECK_FALSE(copied.authenticated);
  CHECK(peer.agent.selected() == home);
  const auto repeated = peer.send(request, home);  // a retransmission
  CHECK(peer.answer(repeated).messageClass == StunClass::Success);
}

TEST_CASE("Checks without or with wrong credentials are refused and change nothing") {
  Peer peer;
  SECTION("no username") {
    peer.username = "";
    const auto result = peer.send(peer.request(), home);
    CHECK(peer.answer(result).errorCode == 400);
  }
  SECTION("no integrity") {
    peer.password = "";
    const auto result = peer.send(peer.request(), home);
    CHECK(peer.answer(result).errorCode == 400);
  }
  SECTION("wrong password") {
    peer.password = "remote-password";
    const auto result = peer.send(peer.request(), home);
    CHECK(peer.answer(result).errorCode == 401);
    CHECK_FALSE(peer.answer(result).hasMessageIntegrity);
  }
  SECTION("another's username") {
    peer.username = "local:somebody";
    const auto result = peer.send(peer.request(), home);
    CHECK(peer.answer(result).errorCode == 401);
  }
  CHECK_FALSE(peer.agent.selected());
  CHECK_FALSE(peer.agent.connected(peer.now));
  CHECK(peer.agent.consentDeadline() == Timestamp::plusInfinity());
}

TEST_CASE("A peer that thinks it is controlled is told to change its role") {
  Peer peer;
  StunFields request = peer.request();
  request.iceControlling.reset();
  request.iceControlled = 5;
  const auto result = peer.send(request, home);
  CHECK(peer.answer(result).errorCode == 487);
  CHECK(peer.answer(result).verifyIntegrity("local-password"));
  CHECK_FALSE(peer.agent.selected());
}

TEST_CASE("An attribute that must be understood and is not is refused with 420") {
  Peer peer;
  // An unknown attribute put between header and the rest; integrity and fingerprint computed anew.
  Bytes bytes(300);
  bytes.resize(writeStun(peer.request(), "", bytes));
  const StunMessage parsed = StunMessage::parse(bytes).value();
  StunMessage altered = parsed;
  altered.unknownRequired = 0x0777;
  auto result = peer.agent.handle(altered, home, peer.now, peer.response);
  CHECK(peer.answer(result).errorCode == 400);  // who it is comes first

  bytes.assign(300, 0);
  bytes.resize(writeStun(peer.request(), peer.password, bytes));
  altered = StunMessage::parse(bytes).value();
  altered.unknownRequired = 0x0777;
  result = peer.agent.handle(altered, home, peer.now, peer.response);
  CHECK(peer.answer(result).errorCode == 420);
  CHECK_FALSE(peer.agent.selected());
}

TEST_CASE("Indications and responses are not answered") {
  Peer peer;
  for (StunClass other : {StunClass::Indication, StunClass::Success, StunClass::Error}) {
    StunFields fields = peer.request();
    fields.messageClass = other;
    CHECK(peer.send(fields, home).responseSize == 0);
  }
  CHECK_FALSE(peer.agent.selected());
}

TEST_CASE("Consent ends thirty seconds after the last check and comes back with another") {
  Peer peer;
  peer.send(peer.request(), home);
  const Timestamp first = peer.now;
  peer.now = first + TimeDelta::seconds(20);
  peer.send(peer.request(false), home);
  CHECK(peer.agent.consentDeadline() == first + TimeDelta::seconds(50));
  CHECK(peer.agent.connected(first + TimeDelta::millis(49'999)));
  CHECK(peer.agent.expired(first + TimeDelta::seconds(50)));
  CHECK_FALSE(peer.agent.connected(first + TimeDelta::seconds(50)));
  peer.now = first + TimeDelta::seconds(60);
  peer.send(peer.request(), mobile);
  CHECK(peer.agent.connected(peer.now));
  CHECK(peer.agent.selected() == mobile);
}

TEST_CASE("After a restart only the new credentials count, and the old address stays until nomination") {
  Peer peer;
  peer.send(peer.request(), home);
  peer.agent.restart({"fresh", "fresh-password", "remote2"});
  CHECK(peer.agent.selected() == home);
  CHECK(peer.agent.connected(peer.now));
  CHECK_FALSE(peer.send(peer.request(), mobile).authenticated);
  peer.username = "fresh:remote2";
  peer.password = "fresh-password";
  CHECK(peer.send(peer.request(), mobile).selectedChanged);
  CHECK(peer.agent.selected() == mobile);
}

TEST_CASE("The receiver's fragment is what stands before the colon") {
  Peer peer;
  for (const auto& [username, fragment] :
       {std::pair{"local:remote", "local"}, {"local", "local"}, {":x", ""}, {"a:b:c", "a"}}) {
    peer.username = username;
    Bytes bytes(300);
    bytes.resize(writeStun(peer.request(), "p", bytes));
    CHECK(IceLite::receiverFragment(StunMessage::parse(bytes).value()) == fragment);
  }
}
