// Requests to the directory, a few at a time; see the header.
#include "client/native/directory/HttpDirectory.hpp"

#include <deque>

#include "client/native/call/DirectoryMessages.hpp"

namespace sotto::client::directory {

using call::pathSegment;
using e2ee::DirectoryDone;
using e2ee::DirectoryError;
using e2ee::DirectoryResult;

namespace {

/// A hundred bundles are under 100 KiB.
constexpr size_t largestAnswer = 1 << 20;

DirectoryResult<std::string> outcome(base::Expected<HttpAnswer> answer) {
  if (!answer) return tl::make_unexpected(DirectoryError{"unreachable", answer.error().message});
  if (!answer->good()) return tl::make_unexpected(call::parseDirectoryError(answer->status, answer->body));
  return std::move(answer->body);
}

}  // namespace

struct HttpDirectory::Queue final : std::enable_shared_from_this<HttpDirectory::Queue> {
  /// The body of a good answer, or what went wrong.
  using Done = std::function<void(DirectoryResult<std::string>)>;
  struct Waiting {
    HttpRequest request;
    Done done;
  };

  Queue(boost::asio::io_context& theLoop, HttpClient theHttp) : loop(theLoop), http(std::move(theHttp)) {}

  void ask(HttpMethod method, const std::string& path, std::string body, Done done) {
    HttpRequest request{method, "/api/v1" + path, {}, std::move(body), largestAnswer};
    if (!request.body.empty()) request.headers["content-type"] = "application/json";
    waiting.push_back({std::move(request), std::move(done)});
    next();
  }

  void next() {
    while (underWay < maxConcurrent && !waiting.empty()) {
      Waiting ask = std::move(waiting.front());
      waiting.pop_front();
      ++underWay;
      http.start(loop, ask.request,
                 [weak = weak_from_this(), done = std::move(ask.done)](base::Expected<HttpAnswer> answer) {
                   const auto self = weak.lock();
                   if (!self) return;
                   --self->underWay;
                   done(outcome(std::move(answer)));
                   self->next();
                 });
    }
  }

  boost::asio::io_context& loop;
  HttpClient http;
  std::deque<Waiting> waiting;
  size_t underWay = 0;
};

HttpDirectory::HttpDirectory(boost::asio::io_context& loop, HttpClient http)
    : queue_(std::make_shared<Queue>(loop, std::move(http))) {}
HttpDirectory::~HttpDirectory() = default;

void HttpDirectory::fetchBundles(const std::string& user, const std::vector<std::string>& devices,
                                 DirectoryDone<std::vector<e2ee::DeviceBundle>> done) {
  queue_->ask(HttpMethod::Post, "/users/" + pathSegment(user) + "/bundles", call::makeBundleRequest(devices),
              [done = std::move(done)](const DirectoryResult<std::string>& answer) {
                done(answer.and_then(call::parseBundles));
              });
}

void HttpDirectory::listDevices(const std::string& user, DirectoryDone<std::vector<std::string>> done) {
  queue_->ask(HttpMethod::Get, "/users/" + pathSegment(user) + "/devices", "",
              [done = std::move(done)](const DirectoryResult<std::string>& answer) {
                done(answer.and_then(call::parseDevices));
              });
}

void HttpDirectory::putKeys(const e2ee::DeviceKeys& keys, DirectoryDone<size_t> done) {
  queue_->ask(HttpMethod::Put, "/keys", call::makeKeys(keys),
              [done = std::move(done)](const DirectoryResult<std::string>& answer) {
                done(answer.and_then(call::parsePreKeyCount));
              });
}

void HttpDirectory::renewSignedPreKey(const e2ee::signal::PublicSignedPreKey& key, DirectoryDone<bool> done) {
  queue_->ask(HttpMethod::Put, "/keys/signed", call::makeSignedPreKey(key),
              [done = std::move(done)](const DirectoryResult<std::string>& answer) {
                done(answer.map([](const std::string&) { return true; }));
              });
}

void HttpDirectory::addOneTimePreKeys(const std::vector<e2ee::signal::PublicPreKey>& keys,
                                      DirectoryDone<size_t> done) {
  queue_->ask(HttpMethod::Post, "/keys/one-time", call::makeOneTimePreKeys(keys),
              [done = std::move(done)](const DirectoryResult<std::string>& answer) {
                done(answer.and_then(call::parsePreKeyCount));
              });
}

}  // namespace sotto::client::directory
