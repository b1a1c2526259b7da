#include "media/control/Channel.hpp"

#include <catch2/catch.hpp>

namespace sotto::control {

TEST_CASE("messages keep their bounds and their order") {
  auto pair = Channel::makePair();
  REQUIRE(pair.has_value());
  auto& [a, b] = *pair;
  CHECK(a.send("one") == Channel::Status::Ok);
  CHECK(a.send("two") == Channel::Status::Ok);
  CHECK(b.receive() == "one");
  CHECK(b.receive() == "two");
  CHECK(b.receive() == std::nullopt);
  CHECK_FALSE(b.isClosed());
}

TEST_CASE("the largest message passes whole, a larger one is refused alone") {
  auto pair = Channel::makePair();
  REQUIRE(pair.has_value());
  auto& [a, b] = *pair;
  const std::string largest(Channel::maxMessageBytes, 'x');
  REQUIRE(a.send(largest) == Channel::Status::Ok);
  CHECK_FALSE(a.wantsWrite());
  CHECK(b.receive() == largest);
  CHECK(a.send(largest + "x") == Channel::Status::TooLarge);
  CHECK(a.send("next") == Channel::Status::Ok);
  CHECK(b.receive() == "next");
}

TEST_CASE("what the socket does not take waits, and goes out in order when there is room") {
  auto pair = Channel::makePair();
  REQUIRE(pair.has_value());
  auto& [a, b] = *pair;
  int sent = 0;
  while (!a.wantsWrite()) REQUIRE(a.send(std::to_string(sent++)) == Channel::Status::Ok);
  for (int extra = 0; extra < 100; ++extra) REQUIRE(a.send(std::to_string(sent++)) == Channel::Status::Ok);
  for (int received = 0; received < sent; ++received) {
    auto message = b.receive();
    if (!message) {
      REQUIRE(a.flush() == Channel::Status::Ok);
      message = b.receive();
    }
    REQUIRE(message == std::to_string(received));
  }
  CHECK_FALSE(a.wantsWrite());
}

TEST_CASE("a peer that is gone is noticed after its last message") {
  auto pair = Channel::makePair();
  REQUIRE(pair.has_value());
  auto& [a, b] = *pair;
  a.send("last words");
  a.close();
  CHECK(b.receive() == "last words");
  CHECK(b.receive() == std::nullopt);
  CHECK(b.isClosed());
  CHECK(b.send("hello?") == Channel::Status::Closed);
}

TEST_CASE("a moved channel goes on where the other one stopped") {
  auto pair = Channel::makePair();
  REQUIRE(pair.has_value());
  Channel a = std::move(pair->first);
  Channel b(-1);
  b = std::move(pair->second);
  a.send("hello");
  CHECK(b.receive() == "hello");
}

}  // namespace sotto::control
