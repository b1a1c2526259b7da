// Addresses to the kernel's form and back.
#include "media/net/SocketName.hpp"

#include <catch2/catch.hpp>

using namespace sotto::net;
using sotto::base::SocketAddress;

TEST_CASE("Addresses survive the kernel's form") {
  SocketName name;
  for (const char* ip : {"192.0.2.1", "2001:db8::7", "::1", "0.0.0.0", "255.255.255.255"}) {
    INFO(ip);
    const SocketAddress address = *SocketAddress::parse(ip, 54321);
    REQUIRE(toSocketName(address, AF_INET6, name));
    CHECK(name.generic.sa_family == AF_INET6);
    CHECK(name.length == sizeof(sockaddr_in6));
    CHECK(fromSocketName(name) == address);
    if (!address.isV4()) {
      CHECK_FALSE(toSocketName(address, AF_INET, name));
      continue;
    }
    REQUIRE(toSocketName(address, AF_INET, name));
    CHECK(name.generic.sa_family == AF_INET);
    CHECK(fromSocketName(name) == address);
  }
}
