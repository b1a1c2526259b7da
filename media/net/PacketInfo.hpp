// Which of this machine's addresses a datagram came to, so that the answer leaves from that one: a client
// drops answers from an address it did not ask (RFC 8445 section 7.2.5.2.1), and a socket bound to all
// addresses would let the routing table choose. ip(7) IP_PKTINFO, ipv6(7) IPV6_PKTINFO (RFC 3542 section 6).
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace sotto::net {

using IpBytes = std::array<uint8_t, 16>;  ///< as base::SocketAddress::ip

/// The addresses that datagrams have come to, by a small number that fits SocketAddress::via.
class LocalAddresses {
 public:
  /// 1..255. 0 when 255 others are known already: answers then leave as the routing table says.
  uint8_t indexOf(const IpBytes& ip);
  /// nullptr for 0 and for numbers never given out.
  const IpBytes* find(uint8_t index) const;

 private:
  std::vector<IpBytes> known_;
};

/// Room for what addPacketInfo writes, for either family.
constexpr size_t packetInfoSpace = CMSG_SPACE(sizeof(in6_pktinfo));

/// Asks the kernel for the destination of each datagram. `family` is the socket's.
bool enablePacketInfo(int fd, int family);
/// The destination address that this control message tells of, if it is one.
std::optional<IpBytes> destinationOf(const cmsghdr& part);
/// Writes the control message that makes a datagram leave from `ip`; returns the bytes it takes.
size_t addPacketInfo(int family, const IpBytes& ip, cmsghdr& part);

}  // namespace sotto::net
