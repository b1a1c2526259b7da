// Packets that no honest peer sends, into an association that is up: nothing may crash, grow without bound
// or disturb another association.
#include <catch2/catch.hpp>

#include "tests/unit/sctp/AssociationPair.hpp"

using namespace sotto;
using base::TimeDelta;
using test::AssociationPair;

TEST_CASE("Packets with flipped bits are dropped, and the channel goes on", "[sctp]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    AssociationPair pair(seed);
    REQUIRE(pair.connect());
    sctp::ChannelParameters channel;
    channel.label = "sotto";
    const uint16_t stream = pair.client.association->open(channel, pair.now).value();
    for (int i = 0; i < 50; ++i) {
      const std::vector<uint8_t> message(500, static_cast<uint8_t>(i));
      REQUIRE(pair.client.association->send(stream, message, true, pair.now) == sctp::SendOutcome::Sent);
      for (std::vector<uint8_t> packet : pair.client.sent) {
        packet[pair.random.u32() % packet.size()] ^= static_cast<uint8_t>(1 + pair.random.u32() % 255);
        pair.server.association->onPacket(packet, pair.now);
      }
      pair.run(TimeDelta::millis(10));
    }
    pair.run(TimeDelta::seconds(2));
    CHECK(pair.server.messages.size() == 50);
    CHECK(pair.server.lost.empty());
  }
}

TEST_CASE("Noise of every length is dropped", "[sctp]") {
  AssociationPair pair(77);
  REQUIRE(pair.connect());
  for (size_t size = 0; size < 1'500; ++size) {
    std::vector<uint8_t> noise(size);
    pair.random.fill(noise);
    pair.server.association->onPacket(noise, pair.now);
  }
  pair.run(TimeDelta::seconds(1));
  CHECK(pair.server.association->connected());
}

TEST_CASE("A message over the agreed length ends the association of whoever sent it", "[sctp]") {
  AssociationPair pair(78);
  sctp::AssociationParameters parameters;
  parameters.dtlsClient = true;
  parameters.maxPeerMessageSize = 120'000;  // does not keep to what the other said
  test::AssociationEnd& client = pair.client;
  client.association = std::make_unique<sctp::SctpAssociation>(
      parameters,
      [&client](base::ByteView packet) { client.sent.emplace_back(packet.begin(), packet.end()); }, client,
      pair.now);
  REQUIRE(pair.connect());
  sctp::ChannelParameters channel;
  const uint16_t stream = client.association->open(channel, pair.now).value();
  REQUIRE(client.association->send(stream, std::vector<uint8_t>(80'000, 1), true, pair.now) ==
          sctp::SendOutcome::Sent);
  pair.run(TimeDelta::seconds(3));
  CHECK(pair.server.messages.empty());
  CHECK(pair.server.association->over());
  CHECK(client.association->over());
}

TEST_CASE("Opening more channels than there are streams fails without harm", "[sctp]") {
  AssociationPair pair(79);
  REQUIRE(pair.connect());
  int opened = 0;
  while (pair.client.association->open({}, pair.now)) ++opened;
  CHECK(opened == sctp::maxStreams / 2);
  pair.run(TimeDelta::seconds(1));
  CHECK(pair.server.channels.size() == sctp::maxStreams / 2);
}
