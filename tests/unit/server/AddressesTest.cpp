#include "server/Addresses.hpp"

#include <catch2/catch.hpp>

namespace sotto::server {
namespace {

std::vector<std::string> announced(const std::vector<std::string>& listed, const std::string& bound) {
  std::vector<std::string> texts;
  for (const auto& address : announcedAddresses(listed, bound, {"2001:db8::5", "192.0.2.5", "192.0.2.6"})) {
    texts.push_back(address.ipString());
  }
  return texts;
}

}  // namespace

TEST_CASE("auto stands for the interfaces, IPv4 first, and loopback last") {
  CHECK(announced({"auto"}, "*") ==
        std::vector<std::string>{"192.0.2.5", "192.0.2.6", "2001:db8::5", "127.0.0.1"});
}

TEST_CASE("listed addresses keep their order and are named once") {
  CHECK(announced({"203.0.113.1", "auto", "203.0.113.1", "192.0.2.5"}, "*") ==
        std::vector<std::string>{"203.0.113.1", "192.0.2.5", "192.0.2.6", "2001:db8::5", "127.0.0.1"});
  CHECK(announced({"203.0.113.1"}, "*") == std::vector<std::string>{"203.0.113.1"});
}

TEST_CASE("auto is the bound address alone when workers are bound to one") {
  CHECK(announced({"auto"}, "127.0.0.1") == std::vector<std::string>{"127.0.0.1"});
}

TEST_CASE("no interface address is loopback or link-local") {
  for (const std::string& text : interfaceAddresses()) {
    INFO(text);
    CHECK(base::SocketAddress::parse(text, 0).has_value());
    CHECK(text.rfind("127.", 0) != 0);
    CHECK(text != "::1");
    CHECK(text.rfind("fe80", 0) != 0);
  }
}

}  // namespace sotto::server
