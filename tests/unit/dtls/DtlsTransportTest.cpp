// Handshakes between our two roles over good and bad networks, in virtual time.
#include <catch2/catch.hpp>

#include "DtlsPair.hpp"

using namespace sotto::dtls;
using sotto::base::SeededRandom;
using sotto::base::TimeDelta;
using sotto::srtp::Profile;

TEST_CASE("A handshake connects both ends with the same keys in two round trips") {
  DtlsPair pair;
  pair.begin();
  const auto begun = pair.now;
  pair.run(TimeDelta::seconds(1));
  REQUIRE(pair.connected());
  CHECK(pair.keysAgree());
  CHECK(pair.client.srtpKeys().profile == Profile::AeadAes128Gcm);
  CHECK(pair.now - begun == TimeDelta::millis(40));
  CHECK(pair.largest <= 1200);
  CHECK(pair.server.nextDeadline() == sotto::base::Timestamp::plusInfinity());
  CHECK(pair.client.nextDeadline() == sotto::base::Timestamp::plusInfinity());
}

TEST_CASE("The server's order of SRTP profiles decides") {
  const std::vector<Profile> all{Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80};
  for (size_t a = 0; a < 3; ++a) {
    for (size_t b = 0; b < 3; ++b) {
      auto client = expecting(serverCertificate(), Role::Client);
      auto server = expecting(clientCertificate(), Role::Server);
      client.profiles = {all[a], all[(a + 1) % 3], all[(a + 2) % 3]};
      server.profiles = {all[b], all[(b + 1) % 3], all[(b + 2) % 3]};
      DtlsPair pair(client, server);
      pair.begin();
      pair.run(TimeDelta::seconds(1));
      REQUIRE(pair.connected());
      CHECK(pair.keysAgree());
      CHECK(pair.server.srtpKeys().profile == all[b]);

      // A client that has only one gets it.
      client.profiles = {all[a]};
      DtlsPair narrow(client, server);
      narrow.begin();
      narrow.run(TimeDelta::seconds(1));
      REQUIRE(narrow.connected());
      CHECK(narrow.server.srtpKeys().profile == all[a]);
    }
  }
}

TEST_CASE("Without an SRTP profile in common both ends fail") {
  auto client = expecting(serverCertificate(), Role::Client);
  auto server = expecting(clientCertificate(), Role::Server);
  client.profiles = {Profile::Aes128CmSha1_80};
  server.profiles = {Profile::AeadAes256Gcm};
  DtlsPair pair(client, server);
  pair.begin();
  pair.run();
  CHECK(pair.client.state() == State::Failed);
  CHECK(pair.server.state() == State::Failed);
  CHECK(pair.server.error() == "no SRTP profile in common with the peer");
}

TEST_CASE("A handshake gets through a network that loses three datagrams of ten") {
  int worst = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    DtlsPair pair;
    SeededRandom random(seed);
    pair.fate = [&](bool, const Bytes& bytes) {
      return random.u32() % 10 < 3 ? std::vector<Bytes>{} : std::vector<Bytes>{bytes};
    };
    pair.begin();
    const auto begun = pair.now;
    while (!pair.connected() && pair.now < begun + TimeDelta::seconds(40)) {
      pair.run(TimeDelta::millis(10));
      pair.now = pair.now + TimeDelta::millis(10);
    }
    REQUIRE(pair.connected());
    REQUIRE(pair.keysAgree());
    worst = std::max(worst, static_cast<int>((pair.now - begun).ms()));
  }
  CHECK(worst < 15'000);
}

TEST_CASE("The handshake tells the round trip time, unless something had to be repeated") {
  DtlsPair pair;
  pair.delay = TimeDelta::millis(40);
  SECTION("nothing is lost") {
    pair.begin();
    pair.run();
    REQUIRE(pair.connected());
    CHECK(pair.server.roundTrip() == TimeDelta::millis(80));
    CHECK(pair.client.roundTrip() == TimeDelta::millis(80));
  }
  SECTION("what the server says first is lost") {
    int lost = 0;
    pair.fate = [&](bool toServer, const Bytes& bytes) {
      return !toServer && lost++ == 0 ? std::vector<Bytes>{} : std::vector<Bytes>{bytes};
    };
    pair.begin();
    pair.run();
    REQUIRE(pair.connected());
    CHECK_FALSE(pair.server.roundTrip());
  }
}

TEST_CASE("A handshake survives duplication and reordering") {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    DtlsPair pair;
    SeededRandom random(seed);
    std::optional<Bytes> held[2];
    pair.fate = [&](bool toServer, const Bytes& bytes) {
      std::vector<Bytes> result{bytes};
      if (random.u32() % 3 == 0) result.push_back(bytes);
      if (held[toServer]) {
        result.push_back(*std::exchange(held[toServer], std::nullopt));
      } else if (random.u32() % 3 == 0) {
        held[toServer] = result.front();
        result.erase(result.begin());
      }
      return result;
    };
    pair.begin();
    pair.run();
    REQUIRE(pair.connected());
    CHECK(pair.keysAgree());
  }
}

TEST_CASE("The last flight is repeated for a peer that did not get it") {
  DtlsPair pair;
  bool connectedOnce = false;
  pair.fate = [&](bool toServer, const Bytes& bytes) {
    // The first answer after the server is done is lost.
    if (!toServer && !connectedOnce && bytes[0] == 20) {
      connectedOnce = true;
      return std::vector<Bytes>{};
    }
    return std::vector<Bytes>{bytes};
  };
  pair.begin();
  pair.run(TimeDelta::millis(60));
  REQUIRE(connectedOnce);
  CHECK(pair.server.state() == State::Connected);
  CHECK(pair.client.state() == State::Handshaking);
  pair.run(TimeDelta::seconds(1));
  CHECK(pair.connected());
}

TEST_CASE("A certificate with another fingerprint fails both ends, and the peer is told by an alert") {
  SECTION("the client's") {
    DtlsPair pair(expecting(serverCertificate(), Role::Client), expecting(serverCertificate(), Role::Server));
    pair.begin();
    pair.run(TimeDelta::seconds(1));
    CHECK(pair.server.state() == State::Failed);
    CHECK(pair.server.error() ==
          "the peer's certificate does not have the fingerprint that its SDP announced");
    CHECK(pair.client.state() == State::Failed);
    CHECK(pair.client.error().find("alert") != std::string::npos);
    CHECK(pair.server.srtpKeys().sendKey.empty());
  }
  SECTION("the server's") {
    DtlsPair pair(expecting(clientCertificate(), Role::Client), expecting(clientCertificate(), Role::Server));
    pair.begin();
    pair.run(TimeDelta::seconds(1));
    CHECK(pair.client.state() == State::Failed);
    CHECK(pair.server.state() == State::Failed);
  }
  SECTION("a malformed one") {
    auto parameters = expecting(serverCertificate(), Role::Client);
    parameters.fingerprintValue = "AB:CD";
    DtlsPair pair(parameters);
    pair.begin();
    CHECK(pair.client.state() == State::Failed);
    CHECK(pair.sent == 0);
  }
}

TEST_CASE("A lower-case fingerprint is the same fingerprint") {
  auto parameters = expecting(serverCertificate(), Role::Client);
  for (char& c : parameters.fingerprintValue) c = static_cast<char>(std::tolower(c));
  DtlsPair pair(parameters);
  pair.begin();
  pair.run(TimeDelta::seconds(1));
  CHECK(pair.connected());
}

TEST_CASE("close_notify closes the other end") {
  DtlsPair pair;
  pair.begin();
  pair.run(TimeDelta::seconds(1));
  REQUIRE(pair.connected());
  pair.client.close();
  CHECK(pair.client.state() == State::Closed);
  pair.run(TimeDelta::seconds(1));
  CHECK(pair.server.state() == State::Closed);
  const size_t sent = pair.sent;
  pair.server.close();
  pair.client.close();
  CHECK(pair.sent == sent);
}

TEST_CASE("A handshake without an answer is given up after thirty seconds, with fewer and fewer attempts") {
  DtlsPair pair;
  pair.fate = [](bool, const Bytes&) { return std::vector<Bytes>{}; };
  pair.begin();
  const auto begun = pair.now;
  pair.run();
  CHECK(pair.client.state() == State::Failed);
  CHECK(pair.now - begun == TimeDelta::seconds(30));
  CHECK(pair.sent > 10);
  CHECK(pair.sent < 25);
  CHECK(pair.server.state() == State::New);
}
