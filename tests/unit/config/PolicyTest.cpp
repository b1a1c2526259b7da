#include <catch2/catch.hpp>

#include "config/Config.hpp"

namespace sotto::config {

TEST_CASE("patterns match whole names") {
  CHECK(matches("open-*", "open-"));
  CHECK(matches("open-*", "open-house"));
  CHECK_FALSE(matches("open-*", "reopen-house"));
  CHECK(matches("*-open", "a-open-open"));
  CHECK(matches("a?c", "abc"));
  CHECK_FALSE(matches("a?c", "ac"));
  CHECK(matches("*", ""));
  CHECK_FALSE(matches("", "a"));
  CHECK(matches("a*b*c", "a-b-b-c"));
  CHECK_FALSE(matches("a*b*c", "a-c-b"));
}

TEST_CASE("a pattern of many stars does not take exponential time") {
  const std::string stars = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
  CHECK_FALSE(matches(stars, std::string(5000, 'a')));
}

TEST_CASE("the first matching policy decides, and e2ee where none matches") {
  Rooms rooms;
  rooms.e2ee = E2ee::Required;
  rooms.suites = {Suite::Duo};
  rooms.policies = {{"open-*", E2ee::Off, {Suite::Aes256Gcm}},
                    {"open-?", E2ee::Optional, {}},
                    {"mixed", E2ee::Optional, {}}};
  CHECK(rooms.e2eeFor("open-a") == E2ee::Off);
  CHECK(rooms.e2eeFor("mixed") == E2ee::Optional);
  CHECK(rooms.e2eeFor("demo") == E2ee::Required);
  CHECK(rooms.suitesFor("open-a") == std::vector<Suite>{Suite::Aes256Gcm});
  CHECK(rooms.suitesFor("demo") == std::vector<Suite>{Suite::Duo});
}

}  // namespace sotto::config
