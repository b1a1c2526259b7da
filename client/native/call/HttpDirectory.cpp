#include "client/native/call/HttpDirectory.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <deque>
#include <stdexcept>

#include "client/native/call/DirectoryMessages.hpp"
#include "client/native/call/WebSocketClient.hpp"

namespace sotto::client::call {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::use_awaitable;
using asio::ip::tcp;
using e2ee::DirectoryDone;
using e2ee::DirectoryError;
using e2ee::DirectoryResult;

namespace {

constexpr auto timeout = std::chrono::seconds(10);
/// A hundred bundles are under 100 KiB.
constexpr size_t largestAnswer = 1 << 20;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

template <typename Stream>
asio::awaitable<Response> converse(Stream& stream, const Request& request) {
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(largestAnswer);
  co_await http::async_write(stream, request, use_awaitable);
  co_await http::async_read(stream, buffer, parser, use_awaitable);
  co_return parser.release();
}

asio::awaitable<Response> perform(WebSocketUrl url, Request request, TlsTrust trust) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto addresses = co_await resolver.async_resolve(url.host, url.port, use_awaitable);
  if (!url.tls) {
    beast::tcp_stream stream(executor);
    stream.expires_after(timeout);
    co_await stream.async_connect(addresses, use_awaitable);
    co_return co_await converse(stream, request);
  }
  asio::ssl::context context(asio::ssl::context::tls_client);
  if (const auto applied = applyTrust(context, trust, url.host); !applied) {
    throw std::invalid_argument(applied.error().message);
  }
  beast::ssl_stream<beast::tcp_stream> stream(executor, context);
  SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
  beast::get_lowest_layer(stream).expires_after(timeout);
  co_await beast::get_lowest_layer(stream).async_connect(addresses, use_awaitable);
  co_await stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  co_return co_await converse(stream, request);
}

}  // namespace

struct HttpDirectory::Impl final : std::enable_shared_from_this<HttpDirectory::Impl> {
  /// The body of a good answer, or what went wrong.
  using Done = std::function<void(DirectoryResult<std::string>)>;
  struct Waiting {
    Request request;
    Done done;
  };

  Impl(asio::io_context& theLoop, WebSocketUrl theUrl, std::string theToken, TlsTrust theTrust)
      : loop(theLoop), url(std::move(theUrl)), token(std::move(theToken)), trust(std::move(theTrust)) {}

  void ask(http::verb method, const std::string& path, std::string body, Done done) {
    Request request{method, "/api/v1" + path, 11};
    request.set(http::field::host, url.host + ":" + url.port);
    request.set(http::field::authorization, "Bearer " + token);
    request.set(http::field::user_agent, "sotto-client");
    if (!body.empty()) request.set(http::field::content_type, "application/json");
    request.body() = std::move(body);
    request.prepare_payload();
    waiting.push_back({std::move(request), std::move(done)});
    next();
  }

  void next() {
    while (underWay < maxConcurrent && !waiting.empty()) {
      Waiting ask = std::move(waiting.front());
      waiting.pop_front();
      ++underWay;
      asio::co_spawn(loop, perform(url, std::move(ask.request), trust),
                     [weak = weak_from_this(), done = std::move(ask.done)](const std::exception_ptr& failure,
                                                                           const Response& response) {
                       const auto self = weak.lock();
                       if (!self) return;
                       --self->underWay;
                       done(outcome(failure, response));
                       self->next();
                     });
    }
  }

  static DirectoryResult<std::string> outcome(const std::exception_ptr& failure, const Response& response) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
      return tl::make_unexpected(DirectoryError{"unreachable", error.code().message()});
    } catch (const std::exception& error) {
      return tl::make_unexpected(DirectoryError{"unreachable", error.what()});
    }
    if (response.result_int() / 100 != 2) {
      return tl::make_unexpected(parseDirectoryError(response.result_int(), response.body()));
    }
    return response.body();
  }

  asio::io_context& loop;
  WebSocketUrl url;
  std::string token;
  TlsTrust trust;
  std::deque<Waiting> waiting;
  size_t underWay = 0;
};

HttpDirectory::HttpDirectory(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpDirectory::~HttpDirectory() = default;

base::Expected<std::unique_ptr<HttpDirectory>> HttpDirectory::create(asio::io_context& loop,
                                                                     const std::string& server,
                                                                     std::string token, TlsTrust trust) {
  auto url = WebSocketUrl::parse(server);
  if (!url) return tl::make_unexpected(url.error());
  return std::unique_ptr<HttpDirectory>(
      new HttpDirectory(std::make_shared<Impl>(loop, std::move(*url), std::move(token), std::move(trust))));
}

void HttpDirectory::fetchBundles(const std::string& user, const std::vector<std::string>& devices,
                                 DirectoryDone<std::vector<e2ee::DeviceBundle>> done) {
  impl_->ask(http::verb::post, "/users/" + pathSegment(user) + "/bundles", makeBundleRequest(devices),
             [done = std::move(done)](const DirectoryResult<std::string>& answer) {
               done(answer.and_then(parseBundles));
             });
}

void HttpDirectory::listDevices(const std::string& user, DirectoryDone<std::vector<std::string>> done) {
  impl_->ask(http::verb::get, "/users/" + pathSegment(user) + "/devices", "",
             [done = std::move(done)](const DirectoryResult<std::string>& answer) {
               done(answer.and_then(parseDevices));
             });
}

void HttpDirectory::putKeys(const e2ee::DeviceKeys& keys, DirectoryDone<size_t> done) {
  impl_->ask(http::verb::put, "/keys", makeKeys(keys),
             [done = std::move(done)](const DirectoryResult<std::string>& answer) {
               done(answer.and_then(parsePreKeyCount));
             });
}

void HttpDirectory::renewSignedPreKey(const e2ee::signal::PublicSignedPreKey& key, DirectoryDone<bool> done) {
  impl_->ask(http::verb::put, "/keys/signed", makeSignedPreKey(key),
             [done = std::move(done)](const DirectoryResult<std::string>& answer) {
               done(answer.map([](const std::string&) { return true; }));
             });
}

void HttpDirectory::addOneTimePreKeys(const std::vector<e2ee::signal::PublicPreKey>& keys,
                                      DirectoryDone<size_t> done) {
  impl_->ask(http::verb::post, "/keys/one-time", makeOneTimePreKeys(keys),
             [done = std::move(done)](const DirectoryResult<std::string>& answer) {
               done(answer.and_then(parsePreKeyCount));
             });
}

}  // namespace sotto::client::call
