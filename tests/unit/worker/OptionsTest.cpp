#include "media/worker/Options.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace sotto::worker {
namespace {

base::Expected<Options> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "sotto-worker");
  return parseOptions(static_cast<int>(words.size()), words.data());
}

}  // namespace

TEST_CASE("the worker's options are read in any order") {
  const auto options = parse({"--port", "40001", "--control", "3", "--address", "127.0.0.1"});
  REQUIRE(options.has_value());
  CHECK(options->controlDescriptor == 3);
  CHECK(options->address == base::SocketAddress::v4(127, 0, 0, 1, 40'001));
  const auto all = parse({"--control", "3", "--address", "*", "--port", "0"});
  REQUIRE(all.has_value());
  CHECK(all->address.isUnspecified());
}

TEST_CASE("wrong options are refused") {
  CHECK_FALSE(parse({}).has_value());
  CHECK_FALSE(parse({"--control", "3", "--address", "*"}).has_value());
  CHECK_FALSE(parse({"--control", "3", "--address", "*", "--port"}).has_value());
  CHECK_FALSE(parse({"--control", "3", "--address", "*", "--port", "65536"}).has_value());
  CHECK_FALSE(parse({"--control", "x", "--address", "*", "--port", "1"}).has_value());
  CHECK_FALSE(parse({"--control", "3", "--address", "here", "--port", "1"}).has_value());
  CHECK(parse({"--colour", "red"}).error().message == "unknown option --colour");
}

}  // namespace sotto::worker
