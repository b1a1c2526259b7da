#include "config/Substitution.hpp"

#include <catch2/catch.hpp>

namespace sotto::config {
namespace {

std::optional<std::string> lookUp(const std::string& name) {
  if (name == "SET") return "value";
  if (name == "EMPTY") return "";
  if (name == "NESTED") return "${SET}";
  return std::nullopt;
}

}  // namespace

TEST_CASE("environment variables stand in for values") {
  const struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {"plain", "plain"},
      {"", ""},
      {"${SET}", "value"},
      {"a${SET}b${SET}c", "avaluebvaluec"},
      {"${EMPTY}", ""},
      {"${EMPTY:-other}", "other"},
      {"${MISSING:-other}", "other"},
      {"${MISSING:-}", ""},
      {"${SET:-other}", "value"},
      {"${NESTED}", "${SET}"},
      {"cost $5", "cost $5"},
      {"$${SET}", "${SET}"},
      {"$$${SET}", "$${SET}"},
  };
  for (const auto& c : cases) {
    INFO(c.text);
    const auto result = substitute(c.text, lookUp);
    REQUIRE(result.has_value());
    CHECK(*result == c.expected);
  }
}

TEST_CASE("a variable that is missing or malformed is named in the message") {
  CHECK(substitute("${MISSING}", lookUp).error() ==
        "the environment variable MISSING is not set, expected it to hold this value (or write "
        "${MISSING:-default})");
  CHECK(substitute("${SET", lookUp).error() == "\"${\" without \"}\", expected ${NAME} or ${NAME:-default}");
  CHECK(substitute("${no good}", lookUp).error() ==
        "\"no good\" is not the name of an environment variable, expected ${NAME} or ${NAME:-default} (and "
        "$${ for a plain \"${\")");
  CHECK_FALSE(substitute("${}", lookUp).has_value());
  CHECK_FALSE(substitute("${1A}", lookUp).has_value());
}

}  // namespace sotto::config
