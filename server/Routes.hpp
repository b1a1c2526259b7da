// What the server answers to each HTTP request but the WebSocket upgrade.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "media/base/Expected.hpp"
#include "server/Assets.hpp"
#include "server/Http.hpp"

namespace sotto::server {

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
    std::function<base::Expected<std::string>(std::string_view room, std::string_view name)> token;
    bool development = false;  ///< POST /api/token exists
  };

  explicit Routes(Sources sources) : sources_(std::move(sources)) {}

  void handle(const HttpRequest& request, Respond respond) const;

  /// Headers that every response carries: what pages of this origin may do.
  static std::span<const std::pair<std::string_view, std::string_view>> securityHeaders();

 private:
  HttpResponse asset(std::string_view path, const std::string& ifNoneMatch) const;
  HttpResponse health() const;
  HttpResponse token(const HttpRequest& request) const;

  Sources sources_;
};

/// {"error": {"code": ..., "message": ...}}: errors have the same form here as in signaling.
HttpResponse errorResponse(unsigned status, std::string_view code, std::string_view message);

}  // namespace sotto::server
