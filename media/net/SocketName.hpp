// SocketAddress to and from the kernel's sockaddr.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>

#include "media/base/SocketAddress.hpp"

namespace sotto::net {

/// A sockaddr of either family with its length.
struct SocketName {
  union {
    sockaddr generic;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t length = 0;
  SocketName() : v6{} {}
};

/// Fills `name` for a socket of `family` (AF_INET or AF_INET6; the latter takes IPv4 in its mapped form).
/// False when the address cannot be reached from that family.
bool toSocketName(const base::SocketAddress& address, int family, SocketName& name);
base::SocketAddress fromSocketName(const SocketName& name);

}  // namespace sotto::net
