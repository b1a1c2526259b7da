#include <catch2/catch.hpp>

#include "client/native/call/WebSocketClient.hpp"

namespace sotto::client::call {

TEST_CASE("A server URL may be that of its page or of its WebSocket") {
  struct Case {
    const char* text;
    bool tls;
    const char *host, *port, *path;
  };
  const Case cases[] = {
      {"http://localhost:8080", false, "localhost", "8080", "/ws"},
      {"http://localhost:8080/", false, "localhost", "8080", "/ws"},
      {"ws://example.org/ws", false, "example.org", "80", "/ws"},
      {"wss://example.org", true, "example.org", "443", "/ws"},
      {"https://[::1]:8443/call/ws", true, "::1", "8443", "/call/ws"},
      {"http://[fd00::2]", false, "fd00::2", "80", "/ws"},
      {"http://localhost:8080/#k=passphrase", false, "localhost", "8080", "/ws"},
  };
  for (const Case& each : cases) {
    INFO(each.text);
    const auto url = WebSocketUrl::parse(each.text);
    REQUIRE(url);
    CHECK(url->tls == each.tls);
    CHECK(url->host == each.host);
    CHECK(url->port == each.port);
    CHECK(url->path == each.path);
  }
}

TEST_CASE("What is no server URL is refused with a sentence, without what follows the number sign") {
  for (const char* text : {"", "localhost:8080", "ftp://x", "http://", "http://:80", "http://x:0",
                           "http://x:70000", "http://x:8o", "http://[::1", "http:///ws"}) {
    INFO(text);
    CHECK_FALSE(WebSocketUrl::parse(text));
  }
  const auto refused = WebSocketUrl::parse("ftp://x#secret");
  CHECK_THAT(refused.error().message, !Catch::Contains("secret"));
}

}  // namespace sotto::client::call
