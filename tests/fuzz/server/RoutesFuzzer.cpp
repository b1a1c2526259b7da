// HTTP requests behind the parser, the body of a token request before all: method, target, entity tag and
// body, a line each but for the body. Every request is answered once, errors as JSON. Beast reads the rest.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "server/Routes.hpp"
#include "signaling/Tokens.hpp"

using namespace sotto;

namespace {

server::Routes::Sources sources() {
  static constexpr server::Asset page{"/", "text/html", "<html></html>"};
  server::Routes::Sources sources;
  sources.assets = {&page, 1};
  sources.development = true;
  sources.metrics = [](std::function<void(std::string)> done) { done("up 1\n"); };
  sources.workers = [] { return std::pair<size_t, size_t>(1, 1); };
  sources.token = [](const server::TokenWish& wish) -> base::Expected<std::string> {
    signaling::TokenClaims claims;
    claims.room = wish.room;
    claims.name = wish.name;
    claims.user = claims.device = "x";
    claims.expiresAt = 1;
    const auto token = signaling::issueToken("an hmac key of thirty-two bytes!", claims);
    if (!token) return tl::make_unexpected(token.error());
    return "{\"token\":\"" + *token + "\"}";
  };
  return sources;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const server::Routes routes(sources());
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = [&text] {
    const std::string_view taken = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(taken.size() + 1, text.size()));
    return std::string(taken);
  };
  server::HttpRequest request;
  request.method = line();
  request.target = line();
  request.ifNoneMatch = line();
  request.body = text;
  int answers = 0;
  routes.handle(request, [&](const server::HttpResponse& response) {
    ++answers;
    if (response.status < 200 || response.status > 599) std::abort();
    if (response.contentType == "application/json" &&
        nlohmann::json::parse(response.body, nullptr, false).is_discarded())
      std::abort();
  });
  if (answers != 1) std::abort();
  return 0;
}
