// A peer's IP address and UDP/TCP port, without any socket header. media/net turns it into a sockaddr.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::base {

struct SocketAddress {
  /// IPv4 is kept in its IPv4-mapped IPv6 form (::ffff:a.b.c.d), so that one comparison serves both.
  std::array<uint8_t, 16> ip{};
  uint16_t port = 0;
  /// Which of our own addresses the datagrams of this peer come to, so that answers leave from there: a
  /// number of media/net, carried along by everybody else. 0: the routing table decides.
  uint8_t via = 0;

  static SocketAddress v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
  /// Parses a literal "127.0.0.1" or "::1" (no brackets, no names); nullopt when it is neither.
  static std::optional<SocketAddress> parse(std::string_view ip, uint16_t port);

  bool isV4() const;
  bool isUnspecified() const;
  /// "127.0.0.1", "::1"
  std::string ipString() const;
  /// "127.0.0.1:40000", "[::1]:40000"
  std::string toString() const;

  bool operator==(const SocketAddress&) const = default;
};

}  // namespace sotto::base

template <>
struct std::hash<sotto::base::SocketAddress> {
  size_t operator()(const sotto::base::SocketAddress& address) const noexcept;
};
