// Addresses as text, in both families.
#include "media/base/SocketAddress.hpp"

#include <catch2/catch.hpp>
#include <unordered_set>

using sotto::base::SocketAddress;

TEST_CASE("Literals of both families are parsed and printed") {
  const auto v4 = SocketAddress::parse("192.0.2.33", 40000);
  REQUIRE(v4);
  CHECK(v4->isV4());
  CHECK(*v4 == SocketAddress::v4(192, 0, 2, 33, 40000));
  CHECK(v4->toString() == "192.0.2.33:40000");
  const auto v6 = SocketAddress::parse("2001:db8::5", 1);
  REQUIRE(v6);
  CHECK_FALSE(v6->isV4());
  CHECK(v6->ipString() == "2001:db8::5");
  CHECK(v6->toString() == "[2001:db8::5]:1");
}

TEST_CASE("An IPv4 address in IPv6 clothes is the IPv4 address") {
  CHECK(SocketAddress::parse("::ffff:192.0.2.1", 5) == SocketAddress::v4(192, 0, 2, 1, 5));
}

TEST_CASE("What is no literal is not parsed") {
  for (const char* text :
       {"", "localhost", "192.0.2", "192.0.2.256", "[::1]", "::1:", "1.2.3.4:5", " 1.2.3.4"}) {
    INFO(text);
    CHECK_FALSE(SocketAddress::parse(text, 1));
  }
}

TEST_CASE("The unspecified address is known in both families") {
  CHECK(SocketAddress{}.isUnspecified());
  CHECK(SocketAddress::parse("0.0.0.0", 9)->isUnspecified());
  CHECK(SocketAddress::parse("::", 9)->isUnspecified());
  CHECK_FALSE(SocketAddress::parse("127.0.0.1", 0)->isUnspecified());
  CHECK_FALSE(SocketAddress::parse("::1", 0)->isUnspecified());
}

TEST_CASE("Neighbouring addresses and ports hash apart") {
  std::unordered_set<size_t> hashes;
  for (uint8_t host = 0; host < 100; ++host) {
    for (uint16_t port = 40000; port < 40100; ++port) {
      hashes.insert(std::hash<SocketAddress>{}(SocketAddress::v4(10, 0, 0, host, port)));
    }
  }
  CHECK(hashes.size() == 10'000);
}
