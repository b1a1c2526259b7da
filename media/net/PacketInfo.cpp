#include "media/net/PacketInfo.hpp"

#include <algorithm>
#include <cstring>

namespace sotto::net {
namespace {

constexpr IpBytes v4Mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr size_t v4Offset = 12;

}  // namespace

uint8_t LocalAddresses::indexOf(const IpBytes& ip) {
  const auto found = std::find(known_.begin(), known_.end(), ip);
  if (found != known_.end()) return static_cast<uint8_t>(found - known_.begin() + 1);
  if (known_.size() == UINT8_MAX) return 0;
  known_.push_back(ip);
  return static_cast<uint8_t>(known_.size());
}

const IpBytes* LocalAddresses::find(uint8_t index) const {
  return index == 0 || index > known_.size() ? nullptr : &known_[index - 1u];
}

bool enablePacketInfo(int fd, int family) {
  const int on = 1;
  return family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0
                            : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
}

std::optional<IpBytes> destinationOf(const cmsghdr& part) {
  IpBytes ip = v4Mapped;
  if (part.cmsg_level == IPPROTO_IPV6 && part.cmsg_type == IPV6_PKTINFO) {
    in6_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(&part), sizeof info);
    std::memcpy(ip.data(), &info.ipi6_addr, ip.size());
    return ip;
  }
  if (part.cmsg_level == IPPROTO_IP && part.cmsg_type == IP_PKTINFO) {
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(&part), sizeof info);
    std::memcpy(ip.data() + v4Offset, &info.ipi_addr, sizeof info.ipi_addr);
    return ip;
  }
  return std::nullopt;
}

size_t addPacketInfo(int family, const IpBytes& ip, cmsghdr& part) {
  // The interface stays open: the route to the destination decides it.
  if (family == AF_INET6) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, ip.data(), ip.size());
    part.cmsg_level = IPPROTO_IPV6;
    part.cmsg_type = IPV6_PKTINFO;
    part.cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(&part), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
  }
  in_pktinfo info{};
  std::memcpy(&info.ipi_spec_dst, ip.data() + v4Offset, sizeof info.ipi_spec_dst);
  part.cmsg_level = IPPROTO_IP;
  part.cmsg_type = IP_PKTINFO;
  part.cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(&part), &info, sizeof info);
  return CMSG_SPACE(sizeof info);
}

}  // namespace sotto::net
