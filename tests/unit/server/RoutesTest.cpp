#include "server/Routes.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>

namespace sotto::server {
namespace {

const Asset assets[] = {{"/", "text/html; charset=utf-8", "<p>page"},
                        {"/assets/page.js", "text/javascript; charset=utf-8", "let x;"}};

struct Fixture {
  size_t ready = 2;
  Routes::Sources sources{assets,
                          [](std::function<void(std::string)> done) { done("sotto_x 1\n"); },
                          [this] { return std::pair<size_t, size_t>(ready, 2); },
                          [](const TokenWish& wish) -> base::Expected<std::string> {
                            if (wish.room == "bad") return base::fail("the room's name is bad");
                            return "{\"token\":\"" + wish.room + "/" + wish.name + "\"}";
                          },
                          true,
                          nullptr,
                          {}};

  HttpResponse ask(const std::string& method, const std::string& target, const std::string& body = "",
                   const std::string& ifNoneMatch = "") {
    std::optional<HttpResponse> answer;
    Routes(sources).handle({method, target, body, ifNoneMatch, {}, {}, {}, {}, {}, {}},
                           [&answer](HttpResponse response) { answer = std::move(response); });
    REQUIRE(answer.has_value());
    return *answer;
  }
};

std::string header(const HttpResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace

TEST_CASE_METHOD(Fixture, "the page and its files are served with their types") {
  CHECK(ask("GET", "/").body == "<p>page");
  CHECK(ask("GET", "/?room=demo").body == "<p>page");
  CHECK(ask("GET", "/index.html").body == "<p>page");
  CHECK(ask("GET", "/").contentType == "text/html; charset=utf-8");
  CHECK(ask("GET", "/assets/page.js").contentType == "text/javascript; charset=utf-8");
  CHECK(ask("GET", "/assets/other.js").status == 404);
  CHECK(ask("GET", "/assets/../config").status == 404);
}

TEST_CASE_METHOD(Fixture, "a file that the browser has already is not sent again") {
  const std::string tag = header(ask("GET", "/assets/page.js"), "ETag");
  CHECK_FALSE(tag.empty());
  const HttpResponse again = ask("GET", "/assets/page.js", "", tag);
  CHECK(again.status == 304);
  CHECK(again.body.empty());
  CHECK(ask("GET", "/", "", tag).status == 200);
}

TEST_CASE_METHOD(Fixture, "a server built without the page says so") {
  sources.assets = {};
  const HttpResponse response = ask("GET", "/");
  CHECK(response.status == 503);
  CHECK(response.body.find("The call page was not built") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "health is good while a worker is ready") {
  CHECK(ask("GET", "/healthz").status == 200);
  CHECK(ask("GET", "/healthz").body == "{\"status\":\"ok\",\"workers\":2,\"workersReady\":2}\n");
  ready = 0;
  CHECK(ask("GET", "/healthz").status == 503);
}

TEST_CASE_METHOD(Fixture, "health tells pages of other origins whether they may use the server") {
  sources.origins = Origins({"https://call.example"});
  const auto from = [this](const std::string& origin) {
    std::optional<HttpResponse> answer;
    Routes(sources).handle({"GET", "/healthz", {}, {}, {}, "sotto.example", origin, {}, {}, {}},
                           [&answer](HttpResponse response) { answer = std::move(response); });
    return answer.value();
  };
  CHECK(from("https://sotto.example").status == 200);
  CHECK(header(from("https://sotto.example"), "Access-Control-Allow-Origin").empty());
  CHECK(from("https://call.example").status == 200);
  CHECK(header(from("https://call.example"), "Access-Control-Allow-Origin") == "https://call.example");
  const HttpResponse refused = from("https://elsewhere.example");
  CHECK(refused.status == 403);
  CHECK(header(refused, "Access-Control-Allow-Origin") == "*");
  CHECK(refused.body.find("workers") == std::string::npos);
}

TEST_CASE_METHOD(Fixture, "metrics are Prometheus text") {
  CHECK(ask("GET", "/metrics").body == "sotto_x 1\n");
  CHECK(ask("GET", "/metrics").contentType == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE_METHOD(Fixture, "tokens are made in development mode only") {
  CHECK(ask("POST", "/api/token", R"({"room":"demo","name":"Alice"})").body ==
        "{\"token\":\"demo/Alice\"}\n");
  CHECK(header(ask("POST", "/api/token", R"({"room":"demo","name":"Alice"})"), "Cache-Control") ==
        "no-store");
  sources.development = false;
  CHECK(ask("POST", "/api/token", R"({"room":"demo","name":"Alice"})").status == 403);
}

TEST_CASE_METHOD(Fixture, "a bad token request is explained") {
  const struct {
    std::string body;
    const char* message;
  } cases[] = {{"", "the body is not a JSON object"},
               {"[]", "the body is not a JSON object"},
               {std::string(60'000, '['), "the body is not a JSON object"},
               {R"({"room":"demo"})", "expected the text \\\"name\\\""},
               {R"({"room":5,"name":"Alice"})", "\\\"room\\\" must be a text that is not empty"},
               {R"({"device":"","name":"Alice"})", "\\\"device\\\" must be a text that is not empty"},
               {R"({"room":"bad","name":"Alice"})", "the room's name is bad"}};
  for (const auto& c : cases) {
    const HttpResponse response = ask("POST", "/api/token", c.body);
    CHECK(response.status == 400);
    CHECK(response.body ==
          "{\"error\":{\"code\":\"bad_message\",\"message\":\"" + std::string(c.message) + "\"}}\n");
  }
}

TEST_CASE_METHOD(Fixture, "other methods are refused, naming those that work") {
  CHECK(ask("GET", "/api/token").status == 405);
  CHECK(header(ask("GET", "/api/token"), "Allow") == "POST");
  CHECK(ask("POST", "/").status == 405);
  CHECK(header(ask("DELETE", "/metrics"), "Allow") == "GET, HEAD");
  CHECK(ask("GET", "/ws").status == 426);
}

TEST_CASE("pages of this origin load nothing from elsewhere and run no inline script") {
  const auto headers = Routes::securityHeaders();
  const auto policy = std::find_if(headers.begin(), headers.end(), [](const auto& header) {
    return header.first == "Content-Security-Policy";
  });
  REQUIRE(policy != headers.end());
  CHECK(policy->second.find("default-src 'none'") == 0);
  CHECK(policy->second.find("unsafe") == std::string_view::npos);
}

}  // namespace sotto::server
