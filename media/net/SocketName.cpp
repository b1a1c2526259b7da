// sockaddr_in and sockaddr_in6, and the form in which media/base keeps addresses.
#include "media/net/SocketName.hpp"

#include <algorithm>
#include <cstring>

namespace sotto::net {

bool toSocketName(const base::SocketAddress& address, int family, SocketName& name) {
  if (family == AF_INET6) {
    name.v6 = {};
    name.v6.sin6_family = AF_INET6;
    name.v6.sin6_port = htons(address.port);
    std::memcpy(&name.v6.sin6_addr, address.ip.data(), address.ip.size());
    name.length = sizeof name.v6;
    return true;
  }
  if (!address.isV4()) return false;
  name.v4 = {};
  name.v4.sin_family = AF_INET;
  name.v4.sin_port = htons(address.port);
  std::memcpy(&name.v4.sin_addr, address.ip.data() + 12, 4);
  name.length = sizeof name.v4;
  return true;
}

base::SocketAddress fromSocketName(const SocketName& name) {
  if (name.generic.sa_family == AF_INET) {
    const auto* ip = reinterpret_cast<const uint8_t*>(&name.v4.sin_addr);
    return base::SocketAddress::v4(ip[0], ip[1], ip[2], ip[3], ntohs(name.v4.sin_port));
  }
  base::SocketAddress address;
  std::memcpy(address.ip.data(), &name.v6.sin6_addr, address.ip.size());
  address.port = ntohs(name.v6.sin6_port);
  return address;
}

}  // namespace sotto::net
