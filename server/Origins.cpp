#include "server/Origins.hpp"

#include <algorithm>
#include <string_view>

namespace sotto::server {
namespace {

/// How long browsers may remember a preflight's answer, seconds.
constexpr const char* preflightAge = "3600";

/// Whether the page comes from this very server: its origin names the host that was asked. The scheme is not
/// compared: behind a proxy that ends TLS we do not know it.
bool isOwn(std::string_view origin, std::string_view host) {
  const size_t scheme = origin.find("://");
  return scheme != origin.npos && !host.empty() && origin.substr(scheme + 3) == host;
}

}  // namespace

bool Origins::isNamed(const std::string& origin) const {
  return std::any_of(allowed_.begin(), allowed_.end(),
                     [&origin](const std::string& allowed) { return allowed == "*" || allowed == origin; });
}

bool Origins::allows(const HttpRequest& request) const {
  return request.origin.empty() || isOwn(request.origin, request.host) || isNamed(request.origin);
}

HttpResponse Origins::preflight() const {
  HttpResponse response;
  response.status = 204;
  response.headers = {{"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"},
                      {"Access-Control-Allow-Headers", "Authorization, Content-Type, Range, Upload-Offset"},
                      {"Access-Control-Max-Age", preflightAge}};
  return response;
}

void Origins::admit(const HttpRequest& request, HttpResponse& response) const {
  response.headers.emplace_back("Vary", "Origin");
  if (request.origin.empty() || !isNamed(request.origin)) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", request.origin);
  response.headers.emplace_back("Access-Control-Expose-Headers",
                                "Retry-After, Upload-Offset, Upload-Length, Content-Range");
}

}  // namespace sotto::server
