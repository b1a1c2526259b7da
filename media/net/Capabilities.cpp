// The probe sends two equal datagrams in one call over loopback and looks at how they arrive.
#include "media/net/Capabilities.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "media/net/ReceiveBatch.hpp"
#include "media/net/UdpSocket.hpp"

namespace sotto::net {
namespace {

constexpr int patienceMs = 50;
constexpr size_t probeSize = 100;

/// What reaches `to` when two datagrams leave `from` in one batch.
size_t exchange(UdpSocket& from, UdpSocket& to) {
  base::DatagramBatch batch(4096, 4);
  const std::vector<uint8_t> datagram(probeSize, 0x5a);
  batch.append(to.localAddress(), datagram);
  batch.append(to.localAddress(), datagram);
  from.send(batch);
  ReceiveBatch received(to.capabilities());
  size_t arrived = 0;
  pollfd ready{to.fd(), POLLIN, 0};
  while (arrived < 2 && poll(&ready, 1, patienceMs) == 1 && received.receive(to)) {
    received.forEachDatagram([&](base::MutableByteView bytes, const base::SocketAddress&, base::TimeDelta) {
      arrived += bytes.size() == probeSize;
    });
  }
  return arrived;
}

/// Whether a socket with `wanted` gets both datagrams through with all of it still in use.
bool works(const Capabilities& wanted) {
  UdpOptions options;
  options.address = base::SocketAddress::v4(127, 0, 0, 1, 0);
  auto from = UdpSocket::open(options, wanted);
  auto to = UdpSocket::open(options, wanted);
  if (!from || !to || exchange(*from, *to) != 2) return false;
  // A batch that fell back to single sends took more than one call.
  return to->capabilities().gro == wanted.gro && (!wanted.segment || from->sent().systemCalls == 1);
}

bool ipv6Available() {
  UdpOptions options;
  return UdpSocket::open(options, Capabilities::plain(true)).has_value();
}

}  // namespace

std::string Capabilities::describe() const {
  std::string text;
  if (segment && gro) {
    text = "batched UDP (UDP_SEGMENT out, UDP_GRO in)";
  } else if (segment) {
    text = "batched UDP out (UDP_SEGMENT), plain in";
  } else if (gro) {
    text = "plain UDP out, batched in (UDP_GRO)";
  } else {
    text = "plain UDP (no UDP_SEGMENT, no UDP_GRO)";
  }
  return text + (ipv6 ? ", IPv4 and IPv6" : ", IPv4 only");
}

Capabilities probe() {
  Capabilities capabilities;
  capabilities.ipv6 = ipv6Available();
  capabilities.segment = works({false, true, false});
  capabilities.gro = works({false, false, true});
  return capabilities;
}

}  // namespace sotto::net
