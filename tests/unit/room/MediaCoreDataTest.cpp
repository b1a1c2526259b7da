// Data messages between the participants of a room, over DTLS and SCTP, in virtual time.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/room/DataClient.hpp"

using namespace sotto;
using namespace sotto::test;
using base::TimeDelta;
using Bytes = std::vector<uint8_t>;
using sctp::DataKind;
using sctp::SendOutcome;

namespace {

Bytes numbered(uint32_t number, size_t size) {
  Bytes bytes(std::max<size_t>(size, 4), static_cast<uint8_t>(number));
  base::storeU32(bytes.data(), number);
  return bytes;
}

}  // namespace

TEST_CASE("A message to all reaches everybody else with its origin, on the channel that it came on",
          "[data]") {
  DataCall room(3);
  for (const bool lossy : {false, true}) {
    REQUIRE(room[1].send(lossy, 0, Bytes{1, 2, 3}, DataKind::Key) == SendOutcome::Sent);
    room.call.run(TimeDelta::millis(20));
    const DataClient::Got expected{DataKind::Key, room.number(1), lossy, {1, 2, 3}};
    CHECK(room[0].got == std::vector<DataClient::Got>{expected});
    CHECK(room[2].got == std::vector<DataClient::Got>{expected});
    CHECK(room[1].got.empty());
    for (const auto& client : room.clients) client->got.clear();
  }
  CHECK(room.call.counter("data_messages_received_total") == 2);
  CHECK(room.call.counter("data_messages_forwarded_total") == 4);
  CHECK(room.call.largestDatagram <= 1'200);
}

TEST_CASE("A message to one reaches nobody else", "[data]") {
  DataCall room(3);
  REQUIRE(room[0].send(false, room.number(2), numbered(7, 65'532)) == SendOutcome::Sent);
  REQUIRE(room[0].send(true, room.number(2), numbered(8, 1'196)) == SendOutcome::Sent);
  room.call.run(TimeDelta::millis(500));
  CHECK(room[1].got.empty());
  REQUIRE(room[2].got.size() == 2);
  CHECK(std::count_if(room[2].got.begin(), room[2].got.end(), [](const auto& got) { return got.lossy; }) ==
        1);
  for (const auto& got : room[2].got)
    CHECK(got.payload == (got.lossy ? numbered(8, 1'196) : numbered(7, 65'532)));
  CHECK(room.call.largestDatagram <= 1'200);
}

TEST_CASE("Messages that are not as they must be are counted and go nowhere", "[data]") {
  DataCall room(2);
  room[0].sendRaw(false, Bytes{1, 0, 0});
  room[0].sendRaw(false, Bytes{2, 0, 0, 0, 5});
  room[0].sendRaw(true, Bytes{1, 9, 0, 0, 5});
  room[0].sendRaw(false, {});
  room[0].send(false, 4'711, Bytes{1});
  room[0].send(false, room.number(0), Bytes{1});
  room[0].send(true, 0, Bytes(1'197));
  room.call.run(TimeDelta::millis(100));
  CHECK(room[1].got.empty());
  CHECK(room.call.counter("data_messages_refused_total{reason=\"malformed\"}") == 4);
  CHECK(room.call.counter("data_messages_refused_total{reason=\"unknown_destination\"}") == 2);
  CHECK(room.call.counter("data_messages_refused_total{reason=\"too_large\"}") == 1);
  CHECK(room[0].send(false, 0, Bytes(1)) == SendOutcome::Sent);
  room.call.run(TimeDelta::millis(100));
  CHECK(room[1].got.size() == 1);
}

TEST_CASE("The server is told who can be reached", "[data]") {
  DataCall room(2);
  auto events = room.call.eventsOf<control::DataChannelChanged>();
  REQUIRE(events.size() == 2);
  CHECK(events[0].endpoint == "p0");
  CHECK(events[0].open);
  room[1].association().close(*room[1].reliable, room.call.now);
  room.call.run(TimeDelta::millis(500));
  events = room.call.eventsOf<control::DataChannelChanged>();
  REQUIRE(events.size() == 3);
  CHECK(events[2].endpoint == "p1");
  CHECK_FALSE(events[2].open);
  room[0].send(false, 0, Bytes{1});
  room.call.run(TimeDelta::millis(100));
  CHECK(room[1].got.empty());
  CHECK(room.call.counter("data_messages_dropped_total{reason=\"no_channel\"}") == 1);
}

TEST_CASE("Channels that nobody knows are closed again", "[data]") {
  DataCall room(1);
  sctp::ChannelParameters channel;
  channel.label = "something else";
  const auto other = room[0].association().open(channel, room.call.now);
  channel.label = sctp::reliableLabel;
  channel.maxRetransmits = 3;
  const auto notReliable = room[0].association().open(channel, room.call.now);
  room.call.run(TimeDelta::seconds(2));
  std::vector<uint16_t> closed = room[0].closed;
  std::sort(closed.begin(), closed.end());
  CHECK(closed == std::vector<uint16_t>{*other, *notReliable});
}

TEST_CASE("A sender over its budget is held back and loses nothing", "[data]") {
  DataCall room(2);
  uint32_t sent = 0;
  const base::Timestamp begun = room.call.now;
  while (room.call.now - begun < TimeDelta::seconds(4)) {
    while (room[0].send(false, 0, numbered(sent, 16'000)) == SendOutcome::Sent) ++sent;
    room.call.run(TimeDelta::millis(50));
  }
  // A MiB at once, then 256 KiB a second: what has gone through by now, not what waits at the sender.
  const size_t bytes = room[1].got.size() * 16'000;
  CHECK(bytes > 1'900'000);
  CHECK(bytes < 2'300'000);
  CHECK(room.call.counter("data_senders_paused_total") > 0);
  room.call.run(TimeDelta::seconds(30));
  REQUIRE(room[1].got.size() == sent);
  for (uint32_t i = 0; i < sent; ++i) CHECK(base::loadU32(room[1].got[i].payload.data()) == i);
}

TEST_CASE("Who does not take its messages has its channel reset and is told; the others go on", "[data]") {
  DataCall room(3);
  room[2].deaf = true;
  uint32_t sent = 0;
  while (room.call.counter("data_channels_reset_total") == 0 && sent < 200) {
    REQUIRE(room[0].send(false, 0, numbered(sent++, 20'000)) == SendOutcome::Sent);
    room.call.run(TimeDelta::millis(100));
  }
  // The MiB that may wait, and what SCTP itself holds.
  CHECK(sent * 20'000 > (1u << 20));
  CHECK(sent * 20'000 < (1u << 20) + 300'000);
  const auto events = room.call.eventsOf<control::DataChannelChanged>();
  REQUIRE(events.size() == 4);
  CHECK(events[3].endpoint == "p2");
  CHECK_FALSE(events[3].open);
  CHECK_FALSE(events[3].reason.empty());
  CHECK(room[1].got.size() == sent);

  // It comes back, sees its channel close, and opens another.
  room[2].deaf = false;
  room.call.run(TimeDelta::seconds(10));
  CHECK(room[2].closed == std::vector<uint16_t>{0});
  sctp::ChannelParameters channel;
  channel.label = sctp::reliableLabel;
  room[2].reliable = room[2].association().open(channel, room.call.now);
  room.call.run(TimeDelta::seconds(1));
  CHECK(room.call.eventsOf<control::DataChannelChanged>().back().open);
  room[2].got.clear();
  room[0].send(false, 0, Bytes{9, 9});
  room.call.run(TimeDelta::millis(100));
  REQUIRE(room[2].got.size() == 1);
  CHECK(room[2].got[0].payload == Bytes{9, 9});
}

TEST_CASE("Lossy messages for somebody who does not take them are dropped", "[data]") {
  DataCall room(2);
  room[1].deaf = true;
  for (int i = 0; i < 400; ++i) {
    room[0].send(true, 0, Bytes(1'000));
    room.call.run(TimeDelta::millis(10));
  }
  CHECK(room.call.counter("data_channels_reset_total") == 0);
  CHECK(room.call.counter("data_messages_dropped_total{reason=\"full\"}") +
            room.call.counter("data_messages_forwarded_total") ==
        room.call.counter("data_messages_received_total"));
}

TEST_CASE("A later offer may bring data channels to a connection that is there", "[data]") {
  TestCall call;
  ScriptedPeer& peer = call.make("late");
  DataClient client(call, peer);
  const auto data = std::exchange(peer.parameters.data, std::nullopt);
  call.join(peer);
  call.onStep = [&] { client.step(); };
  peer.parameters.data = data;
  REQUIRE(call.request(control::UpdateEndpoint{peer.parameters}).error == "");
  CHECK(client.open());
}

TEST_CASE("An aborted association ends data, not media", "[data]") {
  DataCall room(2);
  room[0].association().abort(room.call.now);
  room.call.run(TimeDelta::millis(100));
  CHECK_FALSE(room.call.eventsOf<control::DataChannelChanged>().back().open);
  CHECK(room.call.counter("data_associations_lost_total") == 1);
  CHECK(room.call.counter("endpoints_connected") == 2);
  room.call.leave(room[0].peer());
  room.call.run(TimeDelta::millis(100));
}

TEST_CASE("Noise inside of DTLS disturbs nothing", "[data]") {
  DataCall room(2, 5);
  base::SeededRandom random(5);
  for (int i = 0; i < 500; ++i) {
    Bytes noise(random.u32() % 1'200 + 1);
    random.fill(noise);
    room[0].peer().sendSctp(noise);
    room.call.step();
  }
  room[0].send(false, 0, Bytes{4});
  room.call.run(TimeDelta::millis(100));
  CHECK(room[1].got.size() == 1);
}
