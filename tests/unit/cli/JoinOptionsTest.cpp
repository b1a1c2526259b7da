// The join command line: wishes, keys, and options that exclude each other.
#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include "client/native/cli/JoinOptions.hpp"
#include "client/native/e2ee/Hkdf.hpp"

namespace sotto::client::cli {
namespace {

/// Empty when the options parse.
std::string parseError(std::vector<std::string> arguments, JoinOptions& options) {
  CLI::App app;
  declareJoinOptions(app, options);
  for (const char* required : {"r", "--room", "u", "--server", "n", "--name"})
    arguments.emplace_back(required);
  std::reverse(arguments.begin(), arguments.end() - 6);
  std::rotate(arguments.begin(), arguments.end() - 6, arguments.end());
  try {
    app.parse(arguments);  // CLI11 takes them in reverse
    return "";
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("A wish is a name and a height, of camera or screen, or the latest speaker") {
  const auto plain = parseWant("alice:360");
  REQUIRE(plain);
  CHECK(plain->participant == "alice");
  CHECK(plain->maxHeight == 360);
  CHECK(plain->source == call::TrackSource::Camera);
  const auto screen = parseWant("bob:the builder/screen:1080");
  REQUIRE(screen);
  CHECK(screen->participant == "bob:the builder");
  CHECK(screen->source == call::TrackSource::Screen);
  const auto unbounded = parseWant("carol");
  REQUIRE(unbounded);
  CHECK(unbounded->maxHeight == 0);
  const auto speaker = parseWant("auto:180");
  REQUIRE(speaker);
  CHECK(speaker->participant.empty());
  for (const char* bad :
       {"alice:", "alice:tall", "alice:-1", "alice:36O", "alice:99999", ":360", "", "/screen:5"}) {
    INFO(bad);
    const auto want = parseWant(bad);
    REQUIRE_FALSE(want);
    CHECK_THAT(want.error().message, Catch::StartsWith("--want ") && Catch::Contains("expected"));
  }
}

TEST_CASE("The secret is the key as given, or the stretched passphrase, or nothing") {
  JoinOptions options;
  options.room = "demo";
  CHECK(roomSecret(options)->empty());
  options.keyHex = "000102030405060708090a0b0c0d0e0F";
  REQUIRE(roomSecret(options));
  CHECK(roomSecret(options)->at(15) == 15);
  options.keyHex = "0001";
  CHECK_THAT(roomSecret(options).error().message, Catch::Contains("2 bytes, expected at least 16"));
  options.keyHex = "zz";
  CHECK_THAT(roomSecret(options).error().message, Catch::Contains("hexadecimal"));
  options.keyHex.clear();
  options.passphrase = "correct horse battery staple";
  const auto secret = roomSecret(options);
  REQUIRE(secret);
  CHECK(e2ee::stretchPassphrase(options.passphrase, "demo").equals(*secret));
}

TEST_CASE("Files are split at commas, and contradicting or unknown values are refused") {
  JoinOptions options;
  CHECK(parseError({"--video", "q.ivf,h.ivf,f.ivf", "--want", "a:1", "--want", "b:2"}, options).empty());
  CHECK(options.videoFiles == std::vector<std::string>{"q.ivf", "h.ivf", "f.ivf"});
  CHECK(options.wants == std::vector<std::string>{"a:1", "b:2"});
  CHECK(options.server == "u");
  CHECK_FALSE(parseError({"--key", "00", "--key-passphrase", "x"}, options).empty());
  CHECK_FALSE(parseError({"--video", "a.ivf", "--synthetic", "720p"}, options).empty());
  CHECK_FALSE(parseError({"--suite", "rot13"}, options).empty());
  CHECK_FALSE(parseError({"--synthetic", "721p"}, options).empty());
  CHECK_FALSE(parseError({"--duration", "-1"}, options).empty());
  CHECK_FALSE(parseError({"--rate-cap", "fast"}, options).empty());
  CHECK_FALSE(parseError({"--temporal-layers", "2"}, options).empty());
}

}  // namespace sotto::client::cli
