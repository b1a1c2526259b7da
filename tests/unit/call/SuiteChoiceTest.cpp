#include "client/native/call/SuiteChoice.hpp"

#include <catch2/catch.hpp>

namespace sotto::client::call {

using frame::Suite;

TEST_CASE(
    "Without a wish the first of the room's suites that we have is taken, duo where the room says nothing") {
  CHECK(*chooseSuite(std::nullopt, {}) == Suite::Duo);
  CHECK(*chooseSuite(std::nullopt, {"duo", "aes256gcm"}) == Suite::Duo);
  CHECK(*chooseSuite(std::nullopt, {"aes256gcm", "duo"}) == Suite::Aes256Gcm);
  CHECK(*chooseSuite(std::nullopt, {"aes512gcm", "aes128gcm"}) == Suite::Aes128Gcm);
}

TEST_CASE("A wish is kept wherever the room takes it") {
  CHECK(*chooseSuite(Suite::Aes128Gcm, {}) == Suite::Aes128Gcm);
  CHECK(*chooseSuite(Suite::Aes256Gcm, {"duo", "aes128gcm", "aes256gcm"}) == Suite::Aes256Gcm);
}

TEST_CASE("Where nothing fits, the sentence names the room's suites, ours, and the one that was wished for") {
  const auto wished = chooseSuite(Suite::Duo, {"aes128gcm", "aes256gcm"});
  REQUIRE_FALSE(wished);
  CHECK(wished.error().message ==
        "this room takes only frames sealed with aes128gcm, aes256gcm; this client has duo, aes128gcm, "
        "aes256gcm, and "
        "was told to use duo");
  const auto free = chooseSuite(std::nullopt, {"aes512gcm"});
  REQUIRE_FALSE(free);
  CHECK(free.error().message ==
        "this room takes only frames sealed with aes512gcm; this client has duo, aes128gcm, aes256gcm");
  CHECK(chooseSuite(std::nullopt, std::vector<std::string>(100'000, "x")).error().message.size() < 200);
}

}  // namespace sotto::client::call
