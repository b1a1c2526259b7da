#include "server/Log.hpp"

#include <catch2/catch.hpp>

namespace sotto::server {

TEST_CASE("what is logged cannot forge lines or drive a terminal") {
  CHECK(printable("a\nb\x1b[31m\x7f") == "a?b?[31m?");
  CHECK(printable("Grüße") == "Grüße");
}

TEST_CASE("JSON strings escape quotes, backslashes and control characters") {
  CHECK(jsonString("a\"b\\c\nd") == "\"a\\\"b\\\\c\\u000ad\"");
  CHECK(jsonString("") == "\"\"");
}

}  // namespace sotto::server
