#include "media/sctp/SctpAssociation.hpp"

#include <malloc.h>

#include <catch2/catch.hpp>

#include "tests/unit/sctp/AssociationPair.hpp"

using namespace sotto;
using base::TimeDelta;
using sctp::SendOutcome;
using test::AssociationPair;

namespace {

sctp::ChannelParameters reliable(const std::string& label = "sotto") {
  sctp::ChannelParameters channel;
  channel.label = label;
  return channel;
}

sctp::ChannelParameters lossy() {
  sctp::ChannelParameters channel;
  channel.label = "sotto-lossy";
  channel.ordered = false;
  channel.maxRetransmits = 0;
  return channel;
}

std::vector<uint8_t> numbered(uint32_t number, size_t size) {
  std::vector<uint8_t> message(std::max<size_t>(size, 4), static_cast<uint8_t>(number));
  base::storeU32(message.data(), number);
  return message;
}

}  // namespace

TEST_CASE("Both ends begin at once and meet; channels open in both directions", "[sctp]") {
  AssociationPair pair(1);
  REQUIRE(pair.connect());
  CHECK(pair.client.association->open(reliable("first"), pair.now) == uint16_t{0});
  CHECK(pair.client.association->open(lossy(), pair.now) == uint16_t{2});
  CHECK(pair.server.association->open(reliable("from server"), pair.now) == uint16_t{1});
  pair.run(TimeDelta::millis(200));
  CHECK(pair.server.channels.at(0).label == "first");
  CHECK(pair.server.channels.at(2) == lossy());
  CHECK(pair.client.channels.at(1).label == "from server");
  CHECK(pair.client.channels.contains(0));
  CHECK(pair.client.channels.contains(2));
}

TEST_CASE("Channels may be opened and used before the association is up", "[sctp]") {
  AssociationPair pair(2);
  const auto stream = pair.client.association->open(reliable(), pair.now);
  REQUIRE(stream);
  CHECK(pair.client.association->send(*stream, numbered(7, 100), true, pair.now) == SendOutcome::Sent);
  REQUIRE(pair.connect());
  pair.run(TimeDelta::millis(200));
  REQUIRE(pair.server.messages.size() == 1);
  CHECK(pair.server.messages[0].data == numbered(7, 100));
}

TEST_CASE("Text, binary and empty messages come as what they were, up to the longest", "[sctp]") {
  AssociationPair pair(3);
  REQUIRE(pair.connect());
  const uint16_t stream = pair.client.association->open(reliable(), pair.now).value();
  const std::vector<uint8_t> longest = numbered(1, 65'536);
  CHECK(pair.client.association->send(stream, longest, true, pair.now) == SendOutcome::Sent);
  CHECK(pair.client.association->send(stream, numbered(2, 10), false, pair.now) == SendOutcome::Sent);
  CHECK(pair.client.association->send(stream, {}, true, pair.now) == SendOutcome::Sent);
  CHECK(pair.client.association->send(stream, numbered(3, 65'537), true, pair.now) == SendOutcome::TooLarge);
  pair.run(TimeDelta::seconds(2));
  REQUIRE(pair.server.messages.size() == 3);
  CHECK(pair.server.messages[0].data == longest);
  CHECK(pair.server.messages[0].binary);
  CHECK_FALSE(pair.server.messages[1].binary);
  CHECK(pair.server.messages[2].data.empty());
  CHECK(pair.server.messages[2].binary);
  // With the 37 bytes that DTLS adds every datagram stays within 1,200 bytes.
  CHECK(pair.largestPacket <= 1'163);
}

TEST_CASE("A reliable channel delivers everything once and in order over a bad path", "[sctp]") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    AssociationPair pair(seed, {/*lost=*/15, /*repeated=*/10, /*jitterMs=*/30});
    REQUIRE(pair.connect());
    const uint16_t stream = pair.client.association->open(reliable(), pair.now).value();
    uint32_t sent = 0;
    for (int i = 0; i < 200; ++i) {
      const size_t size = pair.random.u32() % 4'000;
      if (pair.client.association->send(stream, numbered(sent, size), true, pair.now) == SendOutcome::Sent)
        ++sent;
      pair.run(TimeDelta::millis(20));
    }
    pair.run(TimeDelta::seconds(60));
    CHECK(sent == 200);
    REQUIRE(pair.server.messages.size() == sent);
    for (uint32_t i = 0; i < sent; ++i) CHECK(base::loadU32(pair.server.messages[i].data.data()) == i);
    CHECK(pair.client.association->waitingBytes() == 0);
  }
}

TEST_CASE("A lossy channel loses what the path loses, and repeats nothing", "[sctp]") {
  AssociationPair pair(9);
  REQUIRE(pair.connect());
  const uint16_t stream = pair.client.association->open(lossy(), pair.now).value();
  pair.run(TimeDelta::millis(200));
  pair.faults = {/*lost=*/20, /*repeated=*/10, /*jitterMs=*/10};
  for (uint32_t i = 0; i < 500; ++i) {
    REQUIRE(pair.client.association->send(stream, numbered(i, 300), true, pair.now) == SendOutcome::Sent);
    pair.run(TimeDelta::millis(20));
  }
  pair.run(TimeDelta::seconds(3));
  std::set<uint32_t> got;
  for (const auto& message : pair.server.messages) {
    CHECK(got.insert(base::loadU32(message.data.data())).second);
  }
  CHECK(got.size() > 350);
  CHECK(got.size() < 450);
}

TEST_CASE("What waits is bounded, and goes out when the path is back", "[sctp]") {
  AssociationPair pair(4);
  REQUIRE(pair.connect());
  const uint16_t first = pair.client.association->open(reliable(), pair.now).value();
  const uint16_t second = pair.client.association->open(lossy(), pair.now).value();
  pair.run(TimeDelta::millis(200));
  pair.cut = true;
  uint32_t taken = 0;
  while (pair.client.association->send(first, numbered(taken, 60'000), true, pair.now) == SendOutcome::Sent)
    ++taken;
  // SCTP's own 128 KiB and a MiB that waits.
  CHECK(taken >= 18);
  CHECK(taken <= 20);
  CHECK(pair.client.association->waitingBytes() <= (1u << 20));
  CHECK(pair.client.association->send(second, numbered(0, 100), true, pair.now) == SendOutcome::Full);
  pair.run(TimeDelta::seconds(5));
  pair.cut = false;
  pair.run(TimeDelta::seconds(30));
  CHECK(pair.server.messages.size() == taken);
  CHECK(pair.client.association->send(second, numbered(0, 100), true, pair.now) == SendOutcome::Sent);
}

TEST_CASE("An end that does not read slows the other down, and gets everything later", "[sctp]") {
  AssociationPair pair(5);
  REQUIRE(pair.connect());
  const uint16_t stream = pair.client.association->open(reliable(), pair.now).value();
  pair.run(TimeDelta::millis(200));
  pair.server.association->pauseReading();
  for (uint32_t i = 0; i < 15; ++i) {
    REQUIRE(pair.client.association->send(stream, numbered(i, 60'000), true, pair.now) == SendOutcome::Sent);
  }
  pair.run(TimeDelta::seconds(5));
  CHECK(pair.server.messages.empty());
  // The window of the other is closed: most still waits here.
  CHECK(pair.client.association->waitingBytes() > 500'000);
  pair.server.association->resumeReading(pair.now);
  pair.run(TimeDelta::seconds(20));
  CHECK(pair.server.messages.size() == 15);
  CHECK(pair.client.association->waitingBytes() == 0);
}

TEST_CASE("A closed channel closes at both ends, and its number serves again", "[sctp]") {
  AssociationPair pair(6, {/*lost=*/5, 0, 5});
  REQUIRE(pair.connect());
  for (int round = 0; round < 3; ++round) {
    const uint16_t stream = pair.client.association->open(reliable(), pair.now).value();
    CHECK(stream == 0);
    pair.run(TimeDelta::seconds(2));
    REQUIRE(pair.server.channels.contains(stream));
    sctp::SctpAssociation& closer = round == 1 ? *pair.client.association : *pair.server.association;
    closer.close(stream, pair.now);
    CHECK(pair.server.association->send(stream, numbered(1, 5), true, pair.now) ==
          (round == 1 ? SendOutcome::Sent : SendOutcome::NoChannel));
    pair.run(TimeDelta::seconds(5));
    CHECK(pair.client.closed.size() == static_cast<size_t>(round) + 1);
    CHECK(pair.server.closed.size() == static_cast<size_t>(round) + 1);
  }
}

TEST_CASE("Throwing away what waits frees a channel whose other end is slow", "[sctp]") {
  AssociationPair pair(7);
  REQUIRE(pair.connect());
  const uint16_t stream = pair.client.association->open(reliable(), pair.now).value();
  pair.run(TimeDelta::millis(200));
  pair.cut = true;
  for (uint32_t i = 0; i < 10; ++i)
    pair.client.association->send(stream, numbered(i, 60'000), true, pair.now);
  CHECK(pair.client.association->waitingBytes() > 0);
  pair.client.association->close(stream, pair.now);
  CHECK(pair.client.association->waitingBytes() == 0);
  pair.cut = false;
  pair.run(TimeDelta::seconds(10));
  // What SCTP had taken came still; then the channel closed.
  CHECK(pair.server.messages.size() == 2);
  CHECK(pair.client.closed == std::vector<uint16_t>{stream});
}

TEST_CASE("An abort is heard at once by the other end", "[sctp]") {
  AssociationPair pair(8);
  REQUIRE(pair.connect());
  pair.client.association->open(reliable(), pair.now);
  pair.run(TimeDelta::millis(100));
  pair.client.association->abort(pair.now);
  CHECK(pair.client.association->over());
  pair.run(TimeDelta::millis(50));
  CHECK_FALSE(pair.server.lost.empty());
  CHECK(pair.server.association->over());
  CHECK(pair.server.association->nextDeadline() == base::Timestamp::plusInfinity());
}

TEST_CASE("A peer that never answers is given up", "[sctp]") {
  AssociationPair pair(10);
  pair.cut = true;
  pair.run(TimeDelta::seconds(90));
  CHECK_FALSE(pair.client.lost.empty());
  CHECK_FALSE(pair.server.lost.empty());
}

TEST_CASE("An idle association sends nothing and is looked at once a second", "[sctp]") {
  AssociationPair pair(11);
  REQUIRE(pair.connect());
  pair.run(TimeDelta::seconds(2));
  const uint64_t before = pair.packets;
  pair.run(TimeDelta::seconds(60));
  CHECK(pair.packets == before);
  CHECK(pair.client.association->nextDeadline() - pair.now > TimeDelta::millis(10));
}

TEST_CASE("Associations that come and go leave nothing behind", "[sctp]") {
  const auto comeAndGo = [](uint64_t seed) {
    AssociationPair pair(seed);
    REQUIRE(pair.connect());
    pair.client.association->open(reliable(), pair.now);
    pair.run(TimeDelta::millis(100));
  };
  for (uint64_t seed = 1; seed <= 100; ++seed) comeAndGo(seed);
  CHECK(sctp::SctpStack::instance().associations() == 0);
#if !defined(__SANITIZE_ADDRESS__)  // its allocator does not say how much is in use
  const size_t before = mallinfo2().uordblks;
  for (uint64_t seed = 101; seed <= 600; ++seed) comeAndGo(seed);
  // 500 pairs: a leak of 100 bytes for each association would show.
  CHECK(mallinfo2().uordblks < before + size_t{50} * 1'024);
#endif
}
