#include "config/Printer.hpp"

#include <catch2/catch.hpp>

#include "config/Loader.hpp"

namespace sotto::config {
namespace {

std::optional<std::string> noVariables(const std::string&) {
  return std::nullopt;
}

}  // namespace

TEST_CASE("what is printed loads again as the same configuration, complete") {
  Config config = defaults();
  config.http.address = "::1";
  config.http.tls = {"/etc/a \"quoted\\\" name.pem", "key ${HOME} \t.pem"};
  config.media.workers = 3;
  config.media.announcedAddresses = {"auto", "192.0.2.1"};
  config.rooms.policies = {{"open-*", E2ee::Off}, {"mixed", E2ee::Optional}};
  config.log = {LogLevel::Debug, LogFormat::Json};
  const std::string printed = toYaml(config);
  INFO(printed);
  const LoadResult again = loadComplete(printed, "printed", noVariables);
  if (!again) FAIL(again.error()[0].toString());
  CHECK(again->http.address == "::1");
  CHECK(again->http.tls.certificate == config.http.tls.certificate);
  CHECK(again->http.tls.key == config.http.tls.key);
  CHECK(again->media.workers == 3u);
  CHECK(again->media.announcedAddresses == config.media.announcedAddresses);
  REQUIRE(again->rooms.policies.size() == 2);
  CHECK(again->rooms.policies[1].match == "mixed");
  CHECK(again->rooms.policies[1].e2ee == E2ee::Optional);
  CHECK(toYaml(*again) == printed);
}

TEST_CASE("the secret is never printed") {
  Config config = defaults();
  CHECK(toYaml(config).find("secret: \"\"") != std::string::npos);
  config.auth.secret = "a-secret-that-nobody-should-ever-see";
  const std::string printed = toYaml(config);
  CHECK(printed.find(config.auth.secret) == std::string::npos);
  CHECK(printed.find("secret: \"***\"") != std::string::npos);
}

}  // namespace sotto::config
