// Requests over Beast on an event loop of their own; see the header.
#include "client/native/directory/HttpClient.hpp"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cctype>

namespace sotto::client::directory {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::use_awaitable;
using asio::ip::tcp;
using Message = http::request<http::string_body>;
using Response = http::response<http::string_body>;

http::verb verbOf(HttpMethod method) {
  switch (method) {
    case HttpMethod::Get:
      return http::verb::get;
    case HttpMethod::Head:
      return http::verb::head;
    case HttpMethod::Post:
      return http::verb::post;
    case HttpMethod::Put:
      return http::verb::put;
    case HttpMethod::Patch:
      return http::verb::patch;
    case HttpMethod::Delete:
      return http::verb::delete_;
  }
  return http::verb::get;
}

template <typename Stream>
asio::awaitable<Response> askAndRead(Stream& stream, const Message& message, size_t largestAnswer) {
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(largestAnswer);
  if (message.method() == http::verb::head) parser.skip(true);
  co_await http::async_write(stream, message, use_awaitable);
  co_await http::async_read(stream, buffer, parser, use_awaitable);
  co_return parser.release();
}

asio::awaitable<Response> converse(call::WebSocketUrl url, Message message, size_t largestAnswer,
                                   call::TlsTrust trust, std::chrono::seconds timeout) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto addresses = co_await resolver.async_resolve(url.host, url.port, use_awaitable);
  if (!url.tls) {
    beast::tcp_stream stream(executor);
    stream.expires_after(timeout);
    co_await stream.async_connect(addresses, use_awaitable);
    co_return co_await askAndRead(stream, message, largestAnswer);
  }
  asio::ssl::context context(asio::ssl::context::tls_client);
  // What cannot be used was found when the client was made.
  (void)call::applyTrust(context, trust, url.host);
  beast::ssl_stream<beast::tcp_stream> stream(executor, context);
  SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
  beast::get_lowest_layer(stream).expires_after(timeout);
  co_await beast::get_lowest_layer(stream).async_connect(addresses, use_awaitable);
  co_await stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  co_return co_await askAndRead(stream, message, largestAnswer);
}

std::string lowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

HttpAnswer toAnswer(Response response) {
  HttpAnswer answer;
  answer.status = response.result_int();
  answer.reason = std::string(response.reason());
  for (const auto& field : response) {
    answer.headers[lowerCase(std::string(field.name_string()))] = std::string(field.value());
  }
  answer.body = std::move(response.body());
  return answer;
}

}  // namespace

std::string HttpAnswer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

base::Expected<HttpClient> HttpClient::create(const std::string& server, std::string token,
                                              call::TlsTrust trust) {
  auto url = call::WebSocketUrl::parse(server);
  if (!url) return tl::make_unexpected(url.error());
  if (auto usable = call::checkTrust(trust); !usable) return tl::make_unexpected(usable.error());
  return HttpClient(server, std::move(*url), std::move(token), std::move(trust));
}

void HttpClient::start(asio::io_context& loop, const HttpRequest& request, Done done) const {
  Message message{verbOf(request.method), request.target, 11};
  message.set(http::field::host, url_.host + ":" + url_.port);
  message.set(http::field::user_agent, "sotto-client");
  if (!token_.empty()) message.set(http::field::authorization, "Bearer " + token_);
  for (const auto& [name, value] : request.headers) message.set(name, value);
  message.body() = request.body;
  message.prepare_payload();
  asio::co_spawn(
      loop, converse(url_, std::move(message), request.largestAnswer, trust_, timeout_),
      [server = server_, done = std::move(done)](const std::exception_ptr& failure, Response response) {
        try {
          if (failure) std::rethrow_exception(failure);
        } catch (const boost::system::system_error& error) {
          return done(base::fail("cannot reach the server " + server + ": " + error.code().message()));
        }
        done(toAnswer(std::move(response)));
      });
}

base::Expected<HttpAnswer> HttpClient::perform(const HttpRequest& request) const {
  asio::io_context loop;
  base::Expected<HttpAnswer> result = base::fail("the server " + server_ + " does not answer");
  start(loop, request, [&result](base::Expected<HttpAnswer> answer) { result = std::move(answer); });
  loop.run_for(timeout_);
  return result;
}

}  // namespace sotto::client::directory
