// ClientHellos cut in two, and datagrams that no honest peer sends.
#include <catch2/catch.hpp>

#include "DtlsPair.hpp"

using namespace sotto::dtls;
using sotto::base::SeededRandom;
using sotto::base::TimeDelta;

namespace {

constexpr size_t recordHeader = 13;
constexpr size_t handshakeHeader = 12;

/// A handshake record as two records with a fragment each (RFC 6347 section 4.2.3). The second gets a record
/// number that the client will not use.
std::vector<Bytes> splitHandshake(const Bytes& datagram, size_t at) {
  const Bytes body(datagram.begin() + recordHeader + handshakeHeader, datagram.end());
  const auto fragment = [&](size_t from, size_t to, uint8_t recordNumber) {
    Bytes bytes(datagram.begin(), datagram.begin() + recordHeader + handshakeHeader);
    bytes[10] = recordNumber;
    sotto::base::storeU16(&bytes[11], static_cast<uint16_t>(handshakeHeader + to - from));
    sotto::base::storeU24(&bytes[recordHeader + 6], static_cast<uint32_t>(from));
    sotto::base::storeU24(&bytes[recordHeader + 9], static_cast<uint32_t>(to - from));
    bytes.insert(bytes.end(), body.begin() + static_cast<long>(from), body.begin() + static_cast<long>(to));
    return bytes;
  };
  return {fragment(0, at, 0), fragment(at, body.size(), 40)};
}

}  // namespace

TEST_CASE("A ClientHello that comes in two datagrams is put together, in either order") {
  for (bool reversed : {false, true}) {
    for (size_t at : {size_t{1}, size_t{40}, size_t{120}}) {
      DtlsPair pair;
      bool split = false;
      pair.fate = [&](bool toServer, const Bytes& bytes) {
        if (!toServer || split) return std::vector<Bytes>{bytes};
        split = true;
        REQUIRE(bytes.size() > recordHeader + handshakeHeader + 120);
        auto parts = splitHandshake(bytes, at);
        if (reversed) std::swap(parts[0], parts[1]);
        return parts;
      };
      pair.begin();
      pair.run(TimeDelta::millis(90));  // before anything is repeated
      CHECK(pair.connected());
      CHECK(pair.keysAgree());
    }
  }
}

TEST_CASE("Random datagrams before, during and after the handshake change nothing") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    SeededRandom random(seed);
    const auto garbage = [&] {
      Bytes bytes(1 + random.u32() % 300);
      random.fill(bytes);
      bytes[0] = static_cast<uint8_t>(20 + random.u32() % 44);
      return bytes;
    };
    DtlsPair pair;
    pair.fate = [&](bool, const Bytes& bytes) { return std::vector<Bytes>{garbage(), bytes, garbage()}; };
    pair.server.onDatagram(garbage(), pair.now);  // not even started
    pair.begin();
    for (int i = 0; i < 20; ++i) pair.server.onDatagram(garbage(), pair.now);
    pair.run(TimeDelta::seconds(2));
    REQUIRE(pair.connected());
    const auto keys = pair.server.srtpKeys().sendKey;
    for (int i = 0; i < 200; ++i) {
      pair.server.onDatagram(garbage(), pair.now);
      pair.client.onDatagram(garbage(), pair.now);
    }
    CHECK(pair.connected());
    CHECK(pair.server.srtpKeys().sendKey == keys);
  }
}

TEST_CASE("Changed handshake datagrams at worst fail the handshake") {
  int connected = 0, failed = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    SeededRandom random(seed);
    DtlsPair pair;
    pair.fate = [&](bool, Bytes bytes) {
      if (random.u32() % 4 == 0)
        bytes[random.u32() % bytes.size()] ^= static_cast<uint8_t>(1 + random.u32() % 255);
      if (random.u32() % 8 == 0) bytes.resize(1 + random.u32() % bytes.size());
      return std::vector<Bytes>{bytes};
    };
    pair.begin();
    pair.run();
    if (pair.connected()) {
      ++connected;
      CHECK(pair.keysAgree());
    }
    failed += pair.server.state() == State::Failed || pair.client.state() == State::Failed;
  }
  CHECK(connected > 0);
  CHECK(failed > 0);
}

TEST_CASE("Forged alerts and handshake records do not disturb a connection or make it flood the peer") {
  DtlsPair pair;
  pair.begin();
  pair.run(TimeDelta::seconds(1));
  REQUIRE(pair.connected());
  const Bytes fatalAlert{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 50, 0, 2, 2, 40};
  const Bytes closeNotify{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 51, 0, 2, 1, 0};
  const Bytes hello{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 52, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const size_t sent = pair.sent;
  for (int i = 0; i < 100; ++i) {
    pair.server.onDatagram(fatalAlert, pair.now);
    pair.server.onDatagram(closeNotify, pair.now);
    pair.server.onDatagram(hello, pair.now);
  }
  CHECK(pair.server.state() == State::Connected);
  CHECK(pair.sent - sent <= 2);
}
