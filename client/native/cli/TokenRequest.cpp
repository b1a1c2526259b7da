// Asking for a token over HTTP; see the header.
#include "client/native/cli/TokenRequest.hpp"

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <nlohmann/json.hpp>

#include "client/native/call/WebSocketClient.hpp"

namespace sotto::client::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::use_awaitable;
using asio::ip::tcp;
using call::WebSocketUrl;

constexpr auto timeout = std::chrono::seconds(10);
using Response = http::response<http::string_body>;

http::request<http::string_body> makeRequest(const WebSocketUrl& url, const std::string& body) {
  http::request<http::string_body> request{http::verb::post, "/api/token", 11};
  request.set(http::field::host, url.host + ":" + url.port);
  request.set(http::field::content_type, "application/json");
  request.set(http::field::user_agent, "sotto-client");
  request.body() = body;
  request.prepare_payload();
  return request;
}

template <typename Stream>
asio::awaitable<Response> exchange(Stream& stream, http::request<http::string_body> request) {
  beast::flat_buffer buffer;
  Response response;
  co_await http::async_write(stream, request, use_awaitable);
  co_await http::async_read(stream, buffer, response, use_awaitable);
  co_return response;
}

asio::awaitable<Response> post(WebSocketUrl url, std::string body, call::TlsTrust trust) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto addresses = co_await resolver.async_resolve(url.host, url.port, use_awaitable);
  if (!url.tls) {
    beast::tcp_stream stream(executor);
    stream.expires_after(timeout);
    co_await stream.async_connect(addresses, use_awaitable);
    co_return co_await exchange(stream, makeRequest(url, body));
  }
  asio::ssl::context context(asio::ssl::context::tls_client);
  (void)call::applyTrust(context, trust, url.host);
  beast::ssl_stream<beast::tcp_stream> stream(executor, context);
  SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
  beast::get_lowest_layer(stream).expires_after(timeout);
  co_await beast::get_lowest_layer(stream).async_connect(addresses, use_awaitable);
  co_await stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  co_return co_await exchange(stream, makeRequest(url, body));
}

/// The sentence in an error answer, or its status line.
std::string reasonOf(const Response& response) {
  const auto body = nlohmann::json::parse(response.body(), nullptr, false);
  if (body.is_object() && body.contains("error")) {
    const auto& error = body["error"];
    if (error.is_string()) return error.get<std::string>();
    if (error.is_object() && error.contains("message") && error["message"].is_string()) {
      return error["message"].get<std::string>();
    }
  }
  return std::to_string(response.result_int()) + " " + std::string(response.reason());
}

base::Expected<std::string> readToken(const std::string& server, const Response& response) {
  if (response.result() != http::status::ok) {
    return base::fail(server + " gives no token (" + reasonOf(response) +
                      "): outside of development mode one has to be passed with --token");
  }
  const auto body = nlohmann::json::parse(response.body(), nullptr, false);
  if (!body.is_object() || !body.contains("token") || !body["token"].is_string()) {
    return base::fail(server +
                      " answered the request for a token with something else: is it a Sotto server?");
  }
  return body["token"].get<std::string>();
}

std::optional<std::string> decodeBase64Url(std::string_view text) {
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const size_t value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xFFFFFF;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFF);
  }
  return out;
}

}  // namespace

base::Expected<std::string> requestToken(const std::string& server, const std::string& room,
                                         const std::string& name, const call::TlsTrust& trust) {
  const auto url = WebSocketUrl::parse(server);
  if (!url) return tl::make_unexpected(url.error());
  const std::string body = nlohmann::json({{"room", room}, {"name", name}})
                               .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  asio::io_context loop;
  base::Expected<std::string> result = base::fail(server + " does not answer");
  asio::co_spawn(loop, post(*url, body, trust),
                 [&](const std::exception_ptr& failure, const Response& response) {
                   try {
                     if (failure) std::rethrow_exception(failure);
                     result = readToken(server, response);
                   } catch (const boost::system::system_error& error) {
                     result = base::fail("cannot reach the server " + server + ": " + error.code().message());
                   }
                 });
  loop.run_for(timeout);
  return result;
}

std::optional<std::string> roomOfToken(const std::string& token) {
  const size_t first = token.find('.'), second = token.find('.', first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  const auto payload = decodeBase64Url(std::string_view(token).substr(first + 1, second - first - 1));
  if (!payload) return std::nullopt;
  const auto claims = nlohmann::json::parse(*payload, nullptr, false);
  if (!claims.is_object() || !claims.contains("room") || !claims["room"].is_string()) return std::nullopt;
  return claims["room"].get<std::string>();
}

}  // namespace sotto::client::cli
