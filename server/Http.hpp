// HTTP requests and responses as the routes see them: without any library and without sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sotto::server {

struct HttpRequest {
  std::string method;  ///< "GET"
  std::string target;  ///< path with query, as it came
  std::string body;
  std::string ifNoneMatch;    ///< If-None-Match, or empty; so are the following
  std::string authorization;  ///< "Bearer ..."
  std::string host;
  std::string origin;
  std::string range;
  std::string uploadOffset;
  std::optional<uint64_t> contentLength;  ///< of a body that is not in `body`: see openUpload in Routes.hpp
};

/// A body that is read piece by piece as the client takes it.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual uint64_t size() const = 0;
  /// Calls `done` with the next bytes, or with nullopt when they cannot be had: the connection ends then.
  virtual void read(std::function<void(std::optional<std::string>)> done) = 0;
};

struct HttpResponse {
  unsigned status = 200;
  std::string contentType = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<BodySource> source = nullptr;  ///< when set, the body comes from here
};

/// Called once, now or later, from the event loop.
using Respond = std::function<void(HttpResponse)>;

/// Takes a request's body piece by piece.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// Calls `next` once it can take more; false: it wants no more, and has answered.
  virtual void write(std::string bytes, std::function<void(bool)> next) = 0;
  /// The body is complete: answers.
  virtual void finish() = 0;
  // Destroyed without finish(): the client went away in the middle.
};

}  // namespace sotto::server
