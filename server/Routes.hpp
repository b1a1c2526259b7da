// What the server answers to each HTTP request but the WebSocket upgrade.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "media/base/Expected.hpp"
#include "server/Assets.hpp"
#include "server/Http.hpp"
#include "server/Origins.hpp"

namespace sotto::server {

class Api;

/// How the body of a request is taken.
struct BodyRule {
  uint64_t limit = 0;     ///< bytes
  bool streamed = false;  ///< piece by piece: see Routes::openUpload
};

/// What POST /api/token asks for; all but the name may be empty.
struct TokenWish {
  std::string room, name, user, device;
};

class Routes {
 public:
  /// What the routes need from the rest of the server.
  struct Sources {
    std::span<const Asset> assets;
    /// Writes /metrics, and calls back when all workers have answered.
    std::function<void(std::function<void(std::string)>)> metrics;
    /// Ready workers and all workers.
    std::function<std::pair<size_t, size_t>()> workers;
    /// JSON of a token for (room, name), or why there is none.
    std::function<base::Expected<std::string>(const TokenWish& wish)> token;
    bool development = false;  ///< POST /api/token exists
    /// The API of devices; null: there is none.
    const Api* api = nullptr;
    Origins origins;
  };

  /// `maxBody`: bytes of a request's body where the route has no bound of its own.
  explicit Routes(Sources sources, uint64_t maxBody = 65536)
      : sources_(std::move(sources)), maxBody_(maxBody) {}

  /// How the body of a request is to be read. `headers`: as it will be handed in, but without the body.
  BodyRule bodyRule(const HttpRequest& headers) const;
  /// For a body that is streamed; null when the request has been answered already.
  std::shared_ptr<BodySink> openUpload(const HttpRequest& headers, Respond respond) const;
  void handle(const HttpRequest& request, Respond respond) const;
  /// False for a page of another origin that may not use this server.
  bool allowsOrigin(const HttpRequest& request) const { return sources_.origins.allows(request); }

  /// Headers that every response carries: what pages of this origin may do.
  static std::span<const std::pair<std::string_view, std::string_view>> securityHeaders();

 private:
  HttpResponse asset(std::string_view path, const std::string& ifNoneMatch) const;
  HttpResponse health() const;
  /// The one answer that every page may read, also one that may not use this server: it says so.
  HttpResponse healthFor(const HttpRequest& request) const;
  HttpResponse token(const HttpRequest& request) const;
  void handleApi(const HttpRequest& request, Respond respond) const;

  Sources sources_;
  uint64_t maxBody_;
};

/// {"error": {"code": ..., "message": ...}}: errors have the same form here as in signaling.
HttpResponse errorResponse(unsigned status, std::string_view code, std::string_view message);

}  // namespace sotto::server
