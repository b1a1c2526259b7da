// HTTP requests and responses as the routes see them: without any library and without sockets.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace sotto::server {

struct HttpRequest {
  std::string method;  ///< "GET"
  std::string target;  ///< path with query, as it came
  std::string body;
  std::string ifNoneMatch;  ///< If-None-Match, or empty
};

struct HttpResponse {
  unsigned status = 200;
  std::string contentType = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Called once, now or later, from the event loop.
using Respond = std::function<void(HttpResponse)>;

}  // namespace sotto::server
