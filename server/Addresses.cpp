#include "server/Addresses.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>

namespace sotto::server {
namespace {

std::string textOf(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  } else if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    // A link-local address means nothing without the name of an interface, which SDP has no place for.
    if (!IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr)) inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  }
  return text;
}

}  // namespace

std::vector<std::string> interfaceAddresses() {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    if ((entry->ifa_flags & IFF_LOOPBACK) != 0) continue;
    if (std::string text = textOf(*entry->ifa_addr); !text.empty()) found.push_back(std::move(text));
  }
  return found;
}

std::vector<base::SocketAddress> announcedAddresses(const std::vector<std::string>& announced,
                                                    const std::string& bound,
                                                    const std::vector<std::string>& interfaces) {
  std::vector<base::SocketAddress> result;
  const auto add = [&result](const std::string& text) {
    const auto address = base::SocketAddress::parse(text, 0);
    if (address && std::find(result.begin(), result.end(), *address) == result.end()) {
      result.push_back(*address);
    }
  };
  const auto addInterfaces = [&](bool v4) {
    for (const std::string& text : interfaces) {
      const auto address = base::SocketAddress::parse(text, 0);
      if (address && address->isV4() == v4) add(text);
    }
  };
  for (const std::string& text : announced) {
    if (text != "auto") {
      add(text);
    } else if (bound != "*") {
      add(bound);
    } else {
      addInterfaces(true);
      addInterfaces(false);
      add("127.0.0.1");
    }
  }
  return result;
}

}  // namespace sotto::server
