#include "config/Loader.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sotto::config {
namespace {

std::optional<std::string> variables(const std::string& name) {
  if (name == "PORT") return "9000";
  if (name == "SECRET") return "0123456789abcdef0123456789abcdef";
  if (name == "WORD") return "many";
  return std::nullopt;
}

std::string messageOf(const LoadResult& result) {
  std::string all;
  if (result) return all;
  for (const Problem& problem : result.error()) all += (all.empty() ? "" : "\n") + problem.toString();
  return all;
}

Config mustLoad(const std::string& yaml) {
  LoadResult result = loadText(yaml, "f.yaml", variables);
  INFO(yaml);
  INFO(messageOf(result));
  REQUIRE(result.has_value());
  return *result;
}

/// A file that is gone when the test ends.
struct TemporaryFile {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("sotto-config-" + std::to_string(getpid()) + ".yaml");
  explicit TemporaryFile(const std::string& text) { std::ofstream(path) << text; }
  ~TemporaryFile() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("the built-in default is config/sotto.yaml, and names every key") {
  std::ifstream file(std::string(SOTTO_SOURCE_DIR) + "/config/sotto.yaml");
  std::stringstream text;
  text << file.rdbuf();
  CHECK(defaultYaml() == text.str());
  CHECK(messageOf(loadComplete(defaultYaml(), "sotto.yaml", variables)).empty());

  const Config config = defaults();
  CHECK(config.http.port == 8080);
  CHECK(config.media.firstPort == 40000);
  CHECK_FALSE(config.media.workers.has_value());
  CHECK(config.rooms.e2ee == E2ee::Required);
  CHECK(config.auth.development);
  CHECK(config.auth.secret.empty());
}

TEST_CASE("a file changes the keys it names and keeps the others") {
  const Config config = mustLoad(
      "http:\n  port: 0\nmedia:\n  workers: 2\n  announced_addresses: [192.0.2.7, '2001:db8::1']\n"
      "rooms:\n  e2ee: optional\n  policies:\n    - match: open-*\n      e2ee: off\n"
      "    - {match: vault, e2ee: required}\n");
  CHECK(config.http.port == 0);
  CHECK(config.http.address == "*");
  CHECK(config.media.workers == 2u);
  CHECK(config.media.announcedAddresses == std::vector<std::string>{"192.0.2.7", "2001:db8::1"});
  CHECK(config.rooms.e2ee == E2ee::Optional);
  CHECK(config.rooms.e2eeFor("open-day") == E2ee::Off);
  CHECK(config.rooms.e2eeFor("vault") == E2ee::Required);
}

TEST_CASE("an empty file, comments alone and a section without keys change nothing") {
  CHECK(mustLoad("").http.port == 8080);
  CHECK(mustLoad("# nothing\n").http.port == 8080);
  CHECK(mustLoad("http:\n#  port: 1\nmedia:\n").http.port == 8080);
}

TEST_CASE("environment variables stand in for numbers, words and secrets, quoted or not") {
  const Config config = mustLoad(
      "http:\n  port: ${PORT}\nclients:\n  join_timeout: \"${MISSING:-20}\"\n"
      "media:\n  workers: ${MISSING:-auto}\nauth:\n  development: ${MISSING:-false}\n  secret: ${SECRET}\n");
  CHECK(config.http.port == 9000);
  CHECK(config.clients.joinTimeoutSeconds == 20);
  CHECK_FALSE(config.media.workers.has_value());
  CHECK_FALSE(config.auth.development);
  CHECK(config.auth.secret == "0123456789abcdef0123456789abcdef");
}

TEST_CASE("each fault has one message with its place and what was expected") {
  const struct {
    const char* yaml;
    const char* message;
  } cases[] = {
      // wrong types
      {"http:\n  port: eighty",
       "f.yaml:2:9: http.port is \"eighty\", expected a whole number from 0 to 65535"},
      {"http:\n  port: \"8080\"",
       "f.yaml:2:9: http.port is \"8080\" in quotes, expected a whole number from 0 to 65535"},
      {"http:\n  port: 80.5", "f.yaml:2:9: http.port is \"80.5\", expected a whole number from 0 to 65535"},
      {"http:\n  port:", "f.yaml:2:3: http.port is nothing, expected a whole number from 0 to 65535"},
      {"http:\n  port: [1]", "f.yaml:2:9: http.port is a list, expected a whole number from 0 to 65535"},
      {"http: 8080", "f.yaml:1:7: http is a single value, expected a mapping of keys to values"},
      {"- http", "f.yaml:1:1: the file is a list, expected a mapping of keys to values"},
      {"http:\n  tls:\n    key: {}",
       "f.yaml:3:10: http.tls.key is a mapping, expected text of at most 4096 bytes"},
      {"auth:\n  development: yes", "f.yaml:2:16: auth.development is \"yes\", expected true or false"},
      {"media:\n  announced_addresses: auto",
       "f.yaml:2:24: media.announced_addresses is a single value, expected a list"},
      {"rooms:\n  policies:\n    - open",
       "f.yaml:3:7: rooms.policies[0] is a single value, expected a mapping of keys to values"},
      // ranges
      {"http:\n  port: 70000", "f.yaml:2:9: http.port is 70000, expected a whole number from 0 to 65535"},
      {"http:\n  port: -1", "f.yaml:2:9: http.port is -1, expected a whole number from 0 to 65535"},
      {"http:\n  port: 99999999999999999999",
       "f.yaml:2:9: http.port is 99999999999999999999, expected a whole number from 0 to 65535"},
      {"media:\n  workers: 0",
       "f.yaml:2:12: media.workers is 0, expected a whole number from 1 to 256, or auto"},
      {"media:\n  workers: autp",
       "f.yaml:2:12: media.workers is \"autp\", expected a whole number from 1 to 256, or auto"},
      {"media:\n  announced_addresses: []",
       "f.yaml:2:24: media.announced_addresses has 0 entries, expected 1 to 16"},
      {"media:\n  announced_addresses: [10.0.0.1, example.org]",
       "f.yaml:2:35: media.announced_addresses[1] is \"example.org\", expected an IPv4 or IPv6 address, or "
       "auto"},
      {"http:\n  address: localhost",
       "f.yaml:2:12: http.address is \"localhost\", expected an IPv4 or IPv6 address, or \"*\" for all"},
      {"rooms:\n  e2ee: require",
       "f.yaml:2:9: rooms.e2ee is \"require\", expected required, optional or off; did you mean required?"},
      {"log:\n  level: loud", "f.yaml:2:10: log.level is \"loud\", expected error, warning, info or debug"},
      {"auth:\n  secret: short", "f.yaml:2:11: auth.secret has 5 bytes, expected text of 32 to 1024 bytes"},
      // unknown and duplicate keys
      {"http:\n  prot: 80", "f.yaml:2:3: unknown key \"http.prot\", did you mean port?"},
      {"htp:\n  port: 80", "f.yaml:1:1: unknown key \"htp\", did you mean http?"},
      {"log:\n  colour: true", "f.yaml:2:3: unknown key \"log.colour\", expected level or format"},
      {"rooms:\n  policies:\n    - {match: a, e2e: off}",
       "f.yaml:3:7: rooms.policies[0].e2ee is missing, expected it to be set here\n"
       "f.yaml:3:18: unknown key \"rooms.policies[0].e2e\", did you mean e2ee?"},
      {"http:\n  port: 80\n  port: 81",
       "f.yaml:3:3: duplicate key http.port, expected each key once (the first is in line 2)"},
      {"log:\n  level: info\nhttp: {}\nlog:\n  level: debug",
       "f.yaml:4:1: duplicate key log, expected each key once (the first is in line 1)"},
      {"http:\n  [1]: 2", "f.yaml:2:3: a key is a list, expected a word"},
      // variables
      {"http:\n  port: ${NO_SUCH}",
       "f.yaml:2:9: http.port: the environment variable NO_SUCH is not set, expected it to hold this value "
       "(or write ${NO_SUCH:-default})"},
      {"http:\n  port: ${WORD}",
       "f.yaml:2:9: http.port is \"many\", expected a whole number from 0 to 65535"},
      {"media:\n  workers: ${NO_SUCH}",
       "f.yaml:2:12: media.workers: the environment variable NO_SUCH is not set, expected it to hold this "
       "value (or write ${NO_SUCH:-default})"},
      {"auth:\n  secret: ${NO_SUCH}",
       "f.yaml:2:11: auth.secret: the environment variable NO_SUCH is not set, expected it to hold this "
       "value "
       "(or write ${NO_SUCH:-default})"},
      // keys that belong together
      {"http:\n  tls:\n    certificate: a.pem",
       "f.yaml:3:5: http.tls.key is not set, expected certificate and key both set or both empty"},
      {"clients:\n  ping_interval: 30\n  idle_timeout: 30",
       "f.yaml:3:17: clients.idle_timeout is 30, expected more than clients.ping_interval, which is 30"},
      {"log: {}\nauth:\n  development: false",
       "f.yaml:3:3: auth.secret is empty, expected 32 to 1024 bytes when auth.development is false"},
      {"media:\n  first_port: 65535\n  workers: 4",
       "f.yaml:2:15: media.first_port is 65535, expected at most 65532 for 4 workers with a port each"},
      // not YAML
      {"http:\n  port: \x01", "f.yaml:2:9: a byte that is not text, expected YAML in UTF-8"},
      {"\xff\xfeh", "f.yaml:1:1: a byte that is not text, expected YAML in UTF-8"},
      {"http: {port: 80", "f.yaml:1:1: not valid YAML: end of map flow not found"},
      {"http: {allowed_origins: [call.example.org]}",
       "f.yaml:1:26: http.allowed_origins[0] is \"call.example.org\", expected an origin such as "
       "https://call.example.org, or \"*\" for all"},
      {"rooms: {suites: []}", "f.yaml:1:17: rooms.suites has 0 entries, expected 1 to 3"},
      {"rooms: {suites: [duo, duo]}", "f.yaml:1:23: rooms.suites[1] is \"duo\" again, expected each once"},
      {"rooms: {suites: [aes256gmc]}",
       "f.yaml:1:18: rooms.suites[0] is \"aes256gmc\", expected duo, aes128gcm or aes256gcm; did you mean "
       "aes256gcm?"},
      {"a: 1\n---\nb: 2",
       "f.yaml:1:1: unknown key \"a\", expected http, clients, media, rooms, auth, storage, "
       "directory, messages, blobs or log\n"
       "f.yaml:3:1: a second YAML document begins, expected one"},
  };
  for (const auto& c : cases) {
    INFO(c.yaml);
    CHECK(messageOf(loadText(c.yaml, "f.yaml", variables)) == c.message);
  }
}

TEST_CASE("pages of other origins are let in by name only, in the way browsers write origins") {
  CHECK(loadText("{}", "f.yaml", variables)->http.allowedOrigins.empty());
  for (const std::string origin :
       {"https://call.example.org", "http://localhost:3000", "https://[2001:db8::1]", "https://[::1]:8443",
        "https://xn--bcher-kva.example:65535", "*"}) {
    INFO(origin);
    const auto config = loadText("http: {allowed_origins: [\"" + origin + "\"]}", "f.yaml", variables);
    REQUIRE(config.has_value());
    CHECK(config->http.allowedOrigins == std::vector<std::string>{origin});
  }
  for (const std::string origin :
       {"", "null", "https://", "https://Call.example.org", "https://call.example.org/",
        "https://*.example.org", "https://call.example.org:443", "http://call.example.org:80",
        "https://call.example.org:", "https://call.example.org:0443", "https://call.example.org:x",
        "https://me@call.example.org", "https://[::1", "https://[]", "https://[::1]x",
        "wss://call.example.org", "file://", "https://a b"}) {
    INFO(origin);
    CHECK_FALSE(loadText("http: {allowed_origins: [\"" + origin + "\"]}", "f.yaml", variables).has_value());
  }
}

TEST_CASE("all faults of a file are told at once, in the order of its lines") {
  CHECK(messageOf(
            loadText("log:\n  level: loud\nhttp:\n  prot: 1\n  max_connections: 0\n", "f.yaml", variables)) ==
        "f.yaml:2:10: log.level is \"loud\", expected error, warning, info or debug\n"
        "f.yaml:4:3: unknown key \"http.prot\", did you mean port?\n"
        "f.yaml:5:20: http.max_connections is 0, expected a whole number from 1 to 1000000");
}

TEST_CASE("a file is read from disk, and one that cannot be read is named") {
  const TemporaryFile file("http:\n  port: 1234\n");
  const LoadResult result = loadFile(file.path.string());
  REQUIRE(result.has_value());
  CHECK(result->http.port == 1234);

  CHECK(messageOf(loadFile("/no/such/file.yaml")) ==
        "/no/such/file.yaml: cannot be read (No such file or directory), expected a readable YAML file");
  CHECK(messageOf(loadFile("/proc")) ==
        "/proc: cannot be read (Is a directory), expected a readable YAML file");
  CHECK(messageOf(loadFile("/dev/zero")) ==
        "/dev/zero: cannot be read (larger than 1048576 bytes), expected a readable YAML file");
}

TEST_CASE("nesting without end is refused, not followed") {
  CHECK_FALSE(loadText(std::string(200'000, '['), "f.yaml", variables).has_value());
  CHECK_FALSE(loadText("a: &a [*a, *a]\nhttp: *a\n", "f.yaml", variables).has_value());
}

}  // namespace sotto::config
