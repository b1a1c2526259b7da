#include "server/Origins.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace sotto::server {
namespace {

HttpRequest from(const std::string& origin) {
  HttpRequest request;
  request.host = "sotto.example:8443";
  request.origin = origin;
  return request;
}

std::string header(const HttpResponse& response, const std::string& name) {
  const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                  [&name](const auto& entry) { return entry.first == name; });
  return found == response.headers.end() ? "" : found->second;
}

}  // namespace

TEST_CASE("By default only pages of this server, and programs, may use it") {
  const Origins origins;
  CHECK(origins.allows(from("")));
  CHECK(origins.allows(from("https://sotto.example:8443")));
  CHECK(origins.allows(from("http://sotto.example:8443")));
  for (const char* other :
       {"https://sotto.example", "https://evil.example", "null", "https://sotto.example:8443.evil.example",
        "sotto.example:8443", "https://", "://sotto.example:8443x"}) {
    INFO(other);
    CHECK_FALSE(origins.allows(from(other)));
  }
  HttpRequest noHost = from("https://");
  noHost.host = "";
  CHECK_FALSE(origins.allows(noHost));
}

TEST_CASE("Named origins may use it, and are told so in the response") {
  const Origins origins({"https://call.example", "http://localhost:3000"});
  CHECK(origins.allows(from("https://call.example")));
  CHECK_FALSE(origins.allows(from("https://call.example:444")));
  CHECK_FALSE(origins.allows(from("http://call.example")));
  HttpResponse response;
  origins.admit(from("http://localhost:3000"), response);
  CHECK(header(response, "Access-Control-Allow-Origin") == "http://localhost:3000");
  CHECK(header(response, "Access-Control-Expose-Headers").find("Upload-Offset") != std::string::npos);
  CHECK(header(response, "Vary") == "Origin");
  HttpResponse own;
  origins.admit(from("https://sotto.example:8443"), own);
  CHECK(header(own, "Access-Control-Allow-Origin").empty());
  CHECK(header(own, "Vary") == "Origin");
}

TEST_CASE("The asterisk allows all origins, and a preflight names methods and headers") {
  const Origins origins({"*"});
  CHECK(origins.allows(from("https://anywhere.example")));
  const HttpResponse preflight = origins.preflight();
  CHECK(preflight.status == 204);
  for (const char* method : {"PUT", "PATCH", "DELETE", "HEAD"}) {
    CHECK(header(preflight, "Access-Control-Allow-Methods").find(method) != std::string::npos);
  }
  for (const char* name : {"Authorization", "Upload-Offset", "Range"}) {
    CHECK(header(preflight, "Access-Control-Allow-Headers").find(name) != std::string::npos);
  }
}

}  // namespace sotto::server
