// Batched and plain sending and receiving over loopback, IPv4 and IPv6.
#include "media/net/UdpSocket.hpp"

#include <poll.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <vector>

#include "media/base/Random.hpp"
#include "media/net/ReceiveBatch.hpp"

using namespace sotto::net;
using sotto::base::DatagramBatch;
using sotto::base::MutableByteView;
using sotto::base::SeededRandom;
using sotto::base::SocketAddress;
using sotto::base::TimeDelta;
using Bytes = std::vector<uint8_t>;

namespace {

const SocketAddress loopbackV4 = SocketAddress::v4(127, 0, 0, 1, 0);
const SocketAddress loopbackV6 = *SocketAddress::parse("::1", 0);

const Capabilities& probed() {
  static const Capabilities capabilities = probe();
  return capabilities;
}

UdpSocket openAt(const SocketAddress& address, const Capabilities& capabilities) {
  UdpOptions options;
  options.address = address;
  auto socket = UdpSocket::open(options, capabilities);
  if (!socket) FAIL(socket.error().message);
  return std::move(*socket);
}

struct Arrived {
  std::vector<Bytes> datagrams;
  std::vector<SocketAddress> senders;
  std::vector<TimeDelta> waited;
  ReceiveCounters counters;
};

/// Receives until `count` datagrams are there, or nothing has come for a second.
Arrived receive(UdpSocket& socket, size_t count) {
  Arrived arrived;
  ReceiveBatch batch(socket.capabilities());
  pollfd ready{socket.fd(), POLLIN, 0};
  while (arrived.datagrams.size() < count && poll(&ready, 1, 1000) == 1 && batch.receive(socket)) {
    batch.forEachDatagram([&](MutableByteView bytes, const SocketAddress& from, TimeDelta waited) {
      arrived.waited.push_back(waited);
      arrived.datagrams.emplace_back(bytes.begin(), bytes.end());
      arrived.senders.push_back(from);
    });
  }
  arrived.counters = batch.counters();
  return arrived;
}

/// Runs of equal datagrams with a shorter one at the end, as a packetizer makes them.
std::vector<Bytes> frames(SeededRandom& random, size_t count) {
  std::vector<Bytes> datagrams;
  while (datagrams.size() < count) {
    const size_t size = 100 + random.u32() % 1100;
    const size_t run = 1 + random.u32() % 20;
    for (size_t i = 0; i < run; ++i) datagrams.emplace_back(size);
    datagrams.emplace_back(1 + random.u32() % size);
  }
  datagrams.resize(count);
  for (Bytes& datagram : datagrams) random.fill(datagram);
  return datagrams;
}

void fill(DatagramBatch& batch, const SocketAddress& to, const std::vector<Bytes>& datagrams) {
  for (const Bytes& datagram : datagrams) REQUIRE(batch.append(to, datagram));
}

}  // namespace

TEST_CASE("The plain and the batched path carry the same datagrams, over both IP versions") {
  for (const SocketAddress& loopback : {loopbackV4, loopbackV6}) {
    if (!loopback.isV4() && !probed().ipv6) continue;
    for (bool batchedOut : {false, true}) {
      for (bool batchedIn : {false, true}) {
        INFO(loopback.ipString() << " out " << batchedOut << " in " << batchedIn);
        const Capabilities plain = Capabilities::plain(probed().ipv6);
        UdpSocket from = openAt(loopback, batchedOut ? probed() : plain);
        UdpSocket to = openAt(loopback, batchedIn ? probed() : plain);
        SeededRandom random(5);
        for (int round = 0; round < 10; ++round) {
          const auto datagrams = frames(random, 60);
          DatagramBatch batch(1 << 20, 1000);
          fill(batch, to.localAddress(), datagrams);
          from.send(batch);
          CHECK(batch.empty());
          const Arrived arrived = receive(to, datagrams.size());
          REQUIRE(arrived.datagrams == datagrams);
          CHECK(arrived.senders == std::vector<SocketAddress>(datagrams.size(), from.localAddress()));
          CHECK(arrived.counters.datagrams == datagrams.size());
        }
        CHECK(from.sent().datagrams == 600);
        CHECK(from.sent().droppedFull + from.sent().droppedError == 0);
        if (batchedOut && probed().segment) {
          CHECK(from.sent().systemCalls == 10);
        } else {
          CHECK(from.sent().systemCalls == 600);
        }
      }
    }
  }
}

TEST_CASE("This kernel has the batched path, and a frame takes one call out and one in") {
  CHECK(probed().describe().find(probed().segment ? "UDP_SEGMENT out" : "plain UDP") != std::string::npos);
  if (!probed().segment || !probed().gro) {
    WARN("this kernel only has " << probed().describe());
    return;
  }
  UdpSocket from = openAt(loopbackV4, probed()), to = openAt(loopbackV4, probed());
  DatagramBatch batch(1 << 20, 1000);
  fill(batch, to.localAddress(), std::vector<Bytes>(40, Bytes(1200, 1)));
  REQUIRE(batch.entries().size() == 1);
  from.send(batch);
  CHECK(from.sent().systemCalls == 1);
  CHECK(receive(to, 40).counters.systemCalls < 40);
}

TEST_CASE("A socket for all addresses takes IPv4 and IPv6") {
  UdpSocket all = openAt(SocketAddress{}, probed());
  CHECK(all.localAddress().port != 0);
  CHECK(all.localAddress().isUnspecified());
  for (const SocketAddress& loopback : {loopbackV4, loopbackV6}) {
    if (!loopback.isV4() && !probed().ipv6) continue;
    UdpSocket peer = openAt(loopback, probed());
    DatagramBatch batch(4096, 10);
    SocketAddress to = loopback;
    to.port = all.localAddress().port;
    batch.append(to, Bytes{1, 2, 3});
    peer.send(batch);
    const Arrived there = receive(all, 1);
    REQUIRE(there.datagrams == std::vector<Bytes>{{1, 2, 3}});
    SocketAddress sender = there.senders[0];
    sender.via = 0;
    CHECK(sender == peer.localAddress());
    batch.append(there.senders[0], Bytes{4, 5});
    all.send(batch);
    const Arrived back = receive(peer, 1);
    REQUIRE(back.datagrams == std::vector<Bytes>{{4, 5}});
    CHECK(back.senders[0] == to);
  }
}

TEST_CASE("An answer leaves from the address that the question came to") {
  const std::vector<Capabilities> variants{probed(), Capabilities::plain(probed().ipv6),
                                           Capabilities::plain(false)};
  for (const Capabilities& capabilities : variants) {
    UdpSocket all = openAt(SocketAddress{}, capabilities);
    UdpSocket peer = openAt(SocketAddress::v4(127, 0, 0, 2, 0), capabilities);
    for (const uint8_t last :
         {uint8_t{3}, uint8_t{4}}) {  // neither is what the routing table would answer from: 127.0.0.1
      const SocketAddress asked = SocketAddress::v4(127, 0, 0, last, all.localAddress().port);
      DatagramBatch batch(4096, 10);
      batch.append(asked, Bytes{1});
      peer.send(batch);
      const Arrived question = receive(all, 1);
      REQUIRE(question.senders.size() == 1);
      CHECK(question.senders[0].via != 0);
      batch.append(question.senders[0], Bytes(20, 2));
      batch.append(question.senders[0], Bytes(20, 3));  // a UDP_SEGMENT send where there is one
      batch.append(question.senders[0], Bytes(5, 4));
      all.send(batch);
      const Arrived answer = receive(peer, 3);
      REQUIRE(answer.datagrams == std::vector<Bytes>{Bytes(20, 2), Bytes(20, 3), Bytes(5, 4)});
      for (const SocketAddress& from : answer.senders) CHECK(from == asked);
    }
  }
}

TEST_CASE("A datagram tells how long it waited in the socket") {
  for (const Capabilities& capabilities : {probed(), Capabilities::plain(probed().ipv6)}) {
    UdpSocket to = openAt(loopbackV4, capabilities);
    UdpSocket from = openAt(loopbackV4, capabilities);
    DatagramBatch batch(4096, 10);
    batch.append(to.localAddress(), Bytes{1});
    const auto before = std::chrono::system_clock::now();
    from.send(batch);
    pollfd ready{to.fd(), POLLIN, 0};
    REQUIRE(poll(&ready, 1, 1000) == 1);
    // Nothing to wait for but the time itself: two clock ticks at least go by.
    while (std::chrono::system_clock::now() - before < std::chrono::milliseconds(2)) {
    }
    const Arrived arrived = receive(to, 1);
    const auto most = std::chrono::system_clock::now() - before;
    REQUIRE(arrived.waited.size() == 1);
    CHECK(arrived.waited[0].us() > 0);
    CHECK(arrived.waited[0].us() <= std::chrono::ceil<std::chrono::microseconds>(most).count());
  }
}

TEST_CASE("Where there is no IPv6 the socket for all addresses is an IPv4 socket") {
  UdpSocket all = openAt(SocketAddress{}, Capabilities::plain(false));
  CHECK(all.localAddress().isV4());
  UdpSocket peer = openAt(loopbackV4, Capabilities::plain(false));
  SocketAddress to = loopbackV4;
  to.port = all.localAddress().port;
  DatagramBatch batch(4096, 10);
  batch.append(*SocketAddress::parse("2001:db8::1", 9), Bytes{9});  // out of reach: dropped and counted
  batch.append(to, Bytes{1});
  peer.send(batch);
  CHECK(receive(all, 1).datagrams == std::vector<Bytes>{{1}});
  CHECK(peer.sent().droppedError == 1);
}

TEST_CASE("One unreachable or impossible destination does not hold up the others") {
  for (bool batched : {false, true}) {
    INFO("batched " << batched);
    const Capabilities capabilities = batched ? probed() : Capabilities::plain(probed().ipv6);
    UdpSocket from = openAt(loopbackV4, capabilities), to = openAt(loopbackV4, capabilities);
    // Bound to 127.0.0.1 the kernel refuses other networks; broadcast needs a permission; port 0 is invalid.
    DatagramBatch batch(1 << 20, 100);
    const SocketAddress bad[] = {SocketAddress::v4(255, 255, 255, 255, 9), SocketAddress::v4(127, 0, 0, 1, 0),
                                 SocketAddress::v4(192, 0, 2, 1, 9)};
    std::vector<Bytes> expected;
    for (uint8_t i = 0; i < 9; ++i) {
      batch.append(bad[i % 3], Bytes(10, i));
      batch.append(bad[i % 3], Bytes(10, i));
      batch.append(to.localAddress(), Bytes(20, i));
      expected.emplace_back(20, i);
    }
    from.send(batch);
    CHECK(receive(to, expected.size()).datagrams == expected);
    CHECK(from.sent().datagrams + from.sent().droppedError == 27);
    CHECK(from.sent().droppedError >= 6);
  }
}

TEST_CASE("A port that nobody listens on does not disturb the socket") {
  UdpSocket from = openAt(loopbackV4, probed()), to = openAt(loopbackV4, probed());
  SocketAddress closed = loopbackV4;
  {
    UdpSocket gone = openAt(loopbackV4, probed());
    closed.port = gone.localAddress().port;
  }
  for (uint8_t i = 0; i < 20; ++i) {
    DatagramBatch batch(4096, 10);
    batch.append(closed, Bytes(100, i));
    batch.append(to.localAddress(), Bytes(100, i));
    from.send(batch);
    CHECK(receive(to, 1).datagrams == std::vector<Bytes>{Bytes(100, i)});
    ReceiveBatch nothing(from.capabilities());
    CHECK_FALSE(nothing.receive(from));
  }
}

TEST_CASE("Oversized datagrams are dropped and counted on both paths") {
  for (bool batched : {false, true}) {
    const Capabilities capabilities = batched ? probed() : Capabilities::plain(probed().ipv6);
    UdpSocket from = openAt(loopbackV4, capabilities), to = openAt(loopbackV4, capabilities);
    DatagramBatch batch(1 << 20, 100);
    batch.append(to.localAddress(), Bytes(ReceiveBatch::maxDatagram + 1, 1));
    batch.append(to.localAddress(), Bytes(30'000, 2));
    batch.append(to.localAddress(), Bytes(ReceiveBatch::maxDatagram, 3));
    from.send(batch);
    const Arrived arrived = receive(to, 1);
    REQUIRE(arrived.datagrams.size() == 1);
    CHECK(arrived.datagrams[0].size() == ReceiveBatch::maxDatagram);
    CHECK(arrived.counters.datagrams == 1);
    CHECK(arrived.counters.oversized == 2);
  }
}

TEST_CASE("What the receiver has no room for is lost, and nothing blocks") {
  UdpOptions options;
  options.address = loopbackV4;
  options.bufferBytes = 4096;
  auto small = UdpSocket::open(options, probed());
  REQUIRE(small);
  UdpSocket from = openAt(loopbackV4, probed());
  DatagramBatch batch(8 << 20, 10'000);
  fill(batch, small->localAddress(), std::vector<Bytes>(2000, Bytes(1000, 1)));
  from.send(batch);
  const SendCounters& sent = from.sent();
  CHECK(sent.datagrams + sent.droppedFull + sent.droppedError == 2000);
  CHECK(receive(*small, 2000).datagrams.size() < 2000);
}

TEST_CASE("Opening a port that is taken says so") {
  UdpSocket taken = openAt(loopbackV4, probed());
  UdpOptions options;
  options.address = taken.localAddress();
  const auto second = UdpSocket::open(options, probed());
  REQUIRE_FALSE(second);
  CHECK(second.error().message ==
        "bind for UDP " + taken.localAddress().toString() + ": Address already in use");
}
