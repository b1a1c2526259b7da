// The HTTP API under /api/v1 (docs/directory.md, docs/openapi.yaml): finds the route, checks who asks, bounds
// the body. What the routes do is in ApiKeys.cpp, ApiMessages.cpp and ApiBlobs.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/Http.hpp"
#include "server/Routes.hpp"
#include "signaling/RateLimiter.hpp"
#include "signaling/Service.hpp"

namespace sotto::server {

class BlobService;

class Api {
 public:
  struct Context {
    signaling::Service& service;
    std::function<signaling::Now()> now;
    BlobService* blobs;  ///< what the routes of ApiBlobs.cpp need
    signaling::Limits limits;
    signaling::Rate requests;  ///< of each device
  };
  /// A request whose route and sender are known.
  struct Call {
    const Context& api;
    const HttpRequest& request;
    signaling::DeviceName device;         ///< who asks
    std::vector<std::string> parameters;  ///< what stands for the {} of the pattern, decoded
    Respond respond;
  };
  struct Route {
    std::string_view method;
    std::string_view pattern;  ///< below /api/v1, as in the OpenAPI file
    uint64_t bodyLimit = 0;    ///< bytes; 0: takes no body
    void (*run)(Call call) = nullptr;
    /// In the place of `run`, for a body that is streamed. Null when it has answered already.
    std::shared_ptr<BodySink> (*open)(Call call) = nullptr;
  };

  explicit Api(Context context) : context_(std::move(context)), requests_(context_.requests) {}

  static bool owns(std::string_view path) { return path.substr(0, prefix.size()) == prefix; }
  static std::vector<Route> routes();

  /// Nothing for a path or method that is none of ours.
  std::optional<BodyRule> bodyRule(const HttpRequest& head) const;
  void handle(const HttpRequest& request, Respond respond) const;
  /// For requests whose rule says `streamed`.
  std::shared_ptr<BodySink> openUpload(const HttpRequest& head, Respond respond) const;

  static constexpr std::string_view prefix = "/api/v1";

 private:
  struct Match;
  Match match(const HttpRequest& request) const;
  /// The call, or nothing when it was answered with a refusal.
  std::optional<Call> admit(const HttpRequest& request, const Match& match, Respond respond) const;

  Context context_;
  mutable signaling::RateLimiter requests_;
};

/// The route tables, a file each.
std::span<const Api::Route> keyRoutes();
std::span<const Api::Route> messageRoutes();
std::span<const Api::Route> blobRoutes();

HttpResponse jsonResponse(unsigned status, std::string body);
HttpResponse apiError(const signaling::RequestError& error);
/// `%41` for 'A'; nullopt for a broken escape.
std::optional<std::string> percentDecoded(std::string_view text);
/// A value of the query, decoded; nullopt when it is not there.
std::optional<std::string> queryValue(std::string_view target, std::string_view name);

}  // namespace sotto::server
