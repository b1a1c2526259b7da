// What is coalesced into one UDP_SEGMENT send, and what a full arena does.
#include "media/base/DatagramBatch.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "media/base/Random.hpp"

using namespace sotto::base;
using Bytes = std::vector<uint8_t>;

namespace {

const SocketAddress alice = SocketAddress::v4(192, 0, 2, 1, 1000);
const SocketAddress bob = SocketAddress::v4(192, 0, 2, 2, 1000);

void add(DatagramBatch& batch, const SocketAddress& to, std::initializer_list<size_t> sizes) {
  for (size_t size : sizes) REQUIRE(batch.append(to, Bytes(size, 1)));
}

}  // namespace

TEST_CASE("Equal datagrams to one destination share an entry, and a shorter one ends it") {
  DatagramBatch batch(1 << 16, 100);
  add(batch, alice, {100, 100, 100, 60, 60, 100});
  REQUIRE(batch.entries().size() == 3);
  CHECK(batch.entries()[0].segments == 4);
  CHECK(batch.entries()[0].segmentSize == 100);
  CHECK(batch.entries()[0].size == 360);
  CHECK(batch.entries()[1].segments == 1);
  CHECK(batch.entries()[1].segmentSize == 60);
  CHECK(batch.entries()[2].segmentSize == 100);
}

TEST_CASE("Another destination, address or port, begins another entry") {
  DatagramBatch batch(1 << 16, 100);
  SocketAddress otherPort = alice;
  otherPort.port = 1001;
  add(batch, alice, {100});
  add(batch, otherPort, {100});
  add(batch, bob, {100});
  add(batch, alice, {100});
  CHECK(batch.entries().size() == 4);
}

TEST_CASE("An entry has at most 64 segments and 65,507 bytes") {
  DatagramBatch batch(1 << 20, 1000);
  for (int i = 0; i < 65; ++i) add(batch, alice, {10});
  REQUIRE(batch.entries().size() == 2);
  CHECK(batch.entries()[0].segments == DatagramBatch::maxSegments);
  batch.clear();
  for (int i = 0; i < 50; ++i) add(batch, alice, {1400});
  REQUIRE(batch.entries().size() == 2);
  CHECK(batch.entries()[0].segments == 46);
  CHECK(batch.entries()[0].size <= DatagramBatch::maxEntryBytes);
}

TEST_CASE("A full arena drops and counts, and is empty again after clear") {
  DatagramBatch batch(250, 100);
  CHECK(batch.append(alice, Bytes(100)));
  CHECK(batch.append(alice, Bytes(150)));
  CHECK_FALSE(batch.append(alice, Bytes(1)));
  CHECK(batch.begin(1).empty());
  CHECK(batch.overflows() == 2);
  batch.clear();
  CHECK(batch.empty());
  CHECK(batch.usedBytes() == 0);
  CHECK(batch.append(alice, Bytes(250)));

  DatagramBatch few(1000, 2);
  add(few, alice, {10});
  add(few, bob, {10});
  CHECK_FALSE(few.append(alice, Bytes(10)));
}

TEST_CASE("A datagram can be abandoned, be shorter than begun, and never longer") {
  DatagramBatch batch(1000, 10);
  MutableByteView room = batch.begin(100);
  REQUIRE(room.size() == 100);
  batch.commit(alice, 0);
  CHECK(batch.empty());
  CHECK(batch.usedBytes() == 0);
  batch.commit(alice, 50);  // nothing is begun
  CHECK(batch.empty());
  room = batch.begin(100);
  batch.commit(alice, 101);
  CHECK(batch.empty());
  room = batch.begin(100);
  room[0] = 7;
  batch.commit(alice, 40);
  REQUIRE(batch.entries().size() == 1);
  CHECK(batch.usedBytes() == 40);
  CHECK(batch.bytes(batch.entries()[0])[0] == 7);
  batch.commit(alice, 40);  // committed already
  CHECK(batch.usedBytes() == 40);
  CHECK_FALSE(batch.append(alice, {}));
}

TEST_CASE("No datagram is longer than UDP carries") {
  DatagramBatch batch(200'000, 10);
  CHECK(batch.begin(100'000).size() == 100'000);
  batch.commit(alice, 100'000);
  CHECK(batch.empty());
  batch.begin(100'000);
  batch.commit(alice, DatagramBatch::maxEntryBytes);
  CHECK(batch.entries().size() == 1);
}

TEST_CASE("Whatever is put in comes out in order, datagram by datagram") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    SeededRandom random(seed);
    DatagramBatch batch(1 << 20, 1000);
    std::vector<std::pair<SocketAddress, Bytes>> put, got;
    size_t size = 100;
    for (int i = 0; i < 300; ++i) {
      if (random.u32() % 4 == 0) size = 1 + random.u32() % 1200;
      Bytes bytes(random.u32() % 5 == 0 ? 1 + random.u32() % size : size);
      random.fill(bytes);
      put.emplace_back(random.u32() % 6 == 0 ? bob : alice, bytes);
      REQUIRE(batch.append(put.back().first, bytes));
    }
    batch.forEachDatagram([&](const SocketAddress& to, ByteView bytes) {
      got.emplace_back(to, Bytes(bytes.begin(), bytes.end()));
    });
    CHECK((got == put));
    CHECK(batch.entries().size() < put.size());
  }
}
