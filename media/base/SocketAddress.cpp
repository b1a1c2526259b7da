#include "media/base/SocketAddress.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace sotto::base {
namespace {
constexpr std::array<uint8_t, 12> v4Prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
}

SocketAddress SocketAddress::v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port) {
  SocketAddress address;
  std::copy(v4Prefix.begin(), v4Prefix.end(), address.ip.begin());
  address.ip[12] = a;
  address.ip[13] = b;
  address.ip[14] = c;
  address.ip[15] = d;
  address.port = port;
  return address;
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view ip, uint16_t port) {
  const std::string text(ip);
  std::array<uint8_t, 4> four{};
  if (inet_pton(AF_INET, text.c_str(), four.data()) == 1) {
    return v4(four[0], four[1], four[2], four[3], port);
  }
  SocketAddress address;
  address.port = port;
  if (inet_pton(AF_INET6, text.c_str(), address.ip.data()) == 1) return address;
  return std::nullopt;
}

bool SocketAddress::isV4() const {
  return std::equal(v4Prefix.begin(), v4Prefix.end(), ip.begin());
}

bool SocketAddress::isUnspecified() const {
  const auto first = isV4() ? ip.begin() + 12 : ip.begin();
  return std::all_of(first, ip.end(), [](uint8_t byte) { return byte == 0; });
}

std::string SocketAddress::ipString() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (isV4()) {
    inet_ntop(AF_INET, ip.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, ip.data(), text, sizeof text);
  }
  return text;
}

std::string SocketAddress::toString() const {
  return (isV4() ? ipString() : "[" + ipString() + "]") + ":" + std::to_string(port);
}

}  // namespace sotto::base

size_t std::hash<sotto::base::SocketAddress>::operator()(
    const sotto::base::SocketAddress& address) const noexcept {
  uint64_t high = 0;
  uint64_t low = 0;
  std::memcpy(&high, address.ip.data(), 8);
  std::memcpy(&low, address.ip.data() + 8, 8);
  uint64_t mixed = (high ^ (low * 0x9e3779b97f4a7c15u)) + address.port + (uint64_t{address.via} << 16);
  mixed ^= mixed >> 32;
  mixed *= 0xd6e8feb86659fd93u;
  return static_cast<size_t>(mixed ^ (mixed >> 32));
}
