// Which of Linux's ways to carry many UDP datagrams in one call work on this kernel.
#pragma once

#include <string>

namespace sotto::net {

struct Capabilities {
  bool ipv6 = false;     ///< IPv6 sockets can be made
  bool segment = false;  ///< UDP_SEGMENT (Linux 4.18): one send is cut into equal datagrams
  bool gro = false;      ///< UDP_GRO (Linux 5.0): equal datagrams of one sender arrive as one

  /// The plain path: one call for each datagram out, no coalescing in.
  static Capabilities plain(bool ipv6) { return {ipv6, false, false}; }
  /// For the log: "batched UDP (UDP_SEGMENT out, UDP_GRO in), IPv4 and IPv6".
  std::string describe() const;
};

/// Tries each on a pair of loopback sockets; takes a moment, never blocks longer than 200 ms.
Capabilities probe();

}  // namespace sotto::net
