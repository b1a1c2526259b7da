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
  config.rooms.policies = {{"open-*", E2ee::Off, {Suite::Duo}},
                           {"mixed", E2ee::Optional, {Suite::Aes256Gcm, Suite::Duo}}};
  config.rooms.suites = {Suite::Aes128Gcm};
  config.http.allowedOrigins = {"https://call.example.org", "*"};
  config.blobs.maxBytes = uint64_t{5} << 32;
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
  CHECK(again->rooms.policies[1].suites == config.rooms.policies[1].suites);
  CHECK(again->rooms.suites == config.rooms.suites);
  CHECK(again->http.allowedOrigins == config.http.allowedOrigins);
  CHECK(again->blobs.maxBytes == config.blobs.maxBytes);
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
