#include "server/Routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "server/Api.hpp"
#include "server/Log.hpp"

namespace sotto::server {
namespace {

constexpr std::string_view apiPrefix = "/api/";

constexpr std::string_view pageMissing =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sotto</title>"
    "<h1>The call page was not built</h1>"
    "<p>This server was built without client/web/dist. Run <code>scripts/build-page</code>, then build "
    "sotto-server again; <code>scripts/run</code> does both.</p></html>\n";

/// 64-bit FNV-1a: tells versions of one file apart, no more.
std::string entityTag(std::string_view content) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return fmt::format("\"{:016x}\"", hash);
}

HttpResponse json(unsigned status, std::string body) {
  HttpResponse response{status, "application/json", std::move(body) + "\n", {}};
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

HttpResponse methodNotAllowed(const std::string& allowed) {
  HttpResponse response =
      errorResponse(405, "method_not_allowed", fmt::format("this path takes only {}", allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace

HttpResponse errorResponse(unsigned status, std::string_view code, std::string_view message) {
  return json(status, fmt::format(R"({{"error":{{"code":{},"message":{}}}}})", jsonString(code),
                                  jsonString(printable(message))));
}

std::span<const std::pair<std::string_view, std::string_view>> Routes::securityHeaders() {
  using Header = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Header, 7> headers{
      {{"Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; font-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
       {"X-Content-Type-Options", "nosniff"},
       {"X-Frame-Options", "DENY"},
       {"Referrer-Policy", "no-referrer"},
       {"Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), geolocation=()"},
       {"Cross-Origin-Opener-Policy", "same-origin"},
       {"Cross-Origin-Resource-Policy", "same-origin"}}};
  return headers;
}

void Routes::handle(const HttpRequest& request, Respond respond) const {
  const std::string_view path =
      std::string_view(request.target).substr(0, request.target.find_first_of("?#"));
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (path.substr(0, apiPrefix.size()) == apiPrefix) return handleApi(request, std::move(respond));
  if (!reads) return respond(methodNotAllowed("GET, HEAD"));
  if (path == "/metrics") {
    return sources_.metrics([respond = std::move(respond)](std::string text) {
      respond({200,
               "text/plain; version=0.0.4; charset=utf-8",
               std::move(text),
               {{"Cache-Control", "no-store"}}});
    });
  }
  if (path == "/healthz") return respond(healthFor(request));
  if (path == "/ws") {
    HttpResponse response = errorResponse(426, "upgrade_required", "this path takes WebSocket connections");
    response.headers.emplace_back("Upgrade", "websocket");
    return respond(std::move(response));
  }
  respond(asset(path, request.ifNoneMatch));
}

BodyRule Routes::bodyRule(const HttpRequest& headers) const {
  if (sources_.api != nullptr && Api::owns(headers.target) && allowsOrigin(headers)) {
    if (const auto rule = sources_.api->bodyRule(headers)) return *rule;
  }
  return {maxBody_, false};
}

std::shared_ptr<BodySink> Routes::openUpload(const HttpRequest& headers, Respond respond) const {
  return sources_.api->openUpload(headers,
                                  [this, headers, respond = std::move(respond)](HttpResponse response) {
                                    sources_.origins.admit(headers, response);
                                    respond(std::move(response));
                                  });
}

void Routes::handleApi(const HttpRequest& request, Respond respond) const {
  if (!allowsOrigin(request)) {
    return respond(errorResponse(403, "forbidden", "pages of this origin may not use this server"));
  }
  const Respond admitted = [this, request, respond = std::move(respond)](HttpResponse response) {
    sources_.origins.admit(request, response);
    respond(std::move(response));
  };
  const std::string_view path =
      std::string_view(request.target).substr(0, request.target.find_first_of("?#"));
  if (request.method == "OPTIONS") return admitted(sources_.origins.preflight());
  if (path == "/api/token")
    return admitted(request.method == "POST" ? token(request) : methodNotAllowed("POST"));
  if (sources_.api != nullptr && Api::owns(path)) return sources_.api->handle(request, admitted);
  admitted(errorResponse(404, "not_found", "there is nothing at this path"));
}

HttpResponse Routes::asset(std::string_view path, const std::string& ifNoneMatch) const {
  if (path == "/index.html") path = "/";
  const auto found = std::find_if(sources_.assets.begin(), sources_.assets.end(),
                                  [path](const Asset& asset) { return asset.path == path; });
  if (found == sources_.assets.end()) {
    if (path == "/") return {503, "text/html; charset=utf-8", std::string(pageMissing), {}};
    return errorResponse(404, "not_found", "there is nothing at this path");
  }
  const std::string tag = entityTag(found->content);
  HttpResponse response{200, std::string(found->contentType), "", {}};
  // File names stay the same from version to version: browsers ask each time, and mostly hear "not modified".
  response.headers = {{"Cache-Control", "no-cache"}, {"ETag", tag}};
  if (ifNoneMatch == tag) {
    response.status = 304;
  } else {
    response.body = found->content;
  }
  return response;
}

HttpResponse Routes::health() const {
  const auto [ready, all] = sources_.workers();
  return json(ready > 0 ? 200 : 503, fmt::format(R"({{"status":"{}","workers":{},"workersReady":{}}})",
                                                 ready > 0 ? "ok" : "no media worker", all, ready));
}

HttpResponse Routes::healthFor(const HttpRequest& request) const {
  HttpResponse response;
  if (allowsOrigin(request)) {
    response = health();
    sources_.origins.admit(request, response);
  } else {
    response = errorResponse(403, "forbidden", "pages of this origin may not use this server");
    response.headers.emplace_back("Vary", "Origin");
    response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  }
  return response;
}

HttpResponse Routes::token(const HttpRequest& request) const {
  if (!sources_.development) {
    return errorResponse(403, "forbidden", "this server issues no tokens (auth.development is false)");
  }
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (!body.is_object()) return errorResponse(400, "bad_message", "the body is not a JSON object");
  const auto text = [&body](const char* key) -> std::optional<std::string> {
    const auto value = body.find(key);
    if (value == body.end() || !value->is_string()) return std::nullopt;
    return value->get<std::string>();
  };
  for (const char* key : {"room", "user", "device"}) {
    if (body.contains(key) && text(key).value_or("").empty()) {
      return errorResponse(400, "bad_message", fmt::format("\"{}\" must be a text that is not empty", key));
    }
  }
  const auto name = text("name");
  if (!name) return errorResponse(400, "bad_message", "expected the text \"name\"");
  auto made = sources_.token(
      {text("room").value_or(""), *name, text("user").value_or(""), text("device").value_or("")});
  if (!made) return errorResponse(400, "bad_message", made.error().message);
  return json(200, *std::move(made));
}

}  // namespace sotto::server
