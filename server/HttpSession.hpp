// One HTTP connection, over a plain or a TLS stream (RFC 9112), until it ends or becomes a WebSocket.
// Included by PlainSession.cpp and TlsSession.cpp only: Beast is heavy.
#pragma once

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/HttpContext.hpp"
#include "server/WebSocketSession.hpp"

namespace sotto::server {

namespace beast = boost::beast;
namespace http = boost::beast::http;

/// `Stream` is beast::tcp_stream or a TLS stream over it.
template <typename Stream>
class HttpSession final : public Session, public std::enable_shared_from_this<HttpSession<Stream>> {
  static constexpr std::chrono::seconds lingerTime{2};
  static constexpr size_t drainBytes = 16384;

 public:
  HttpSession(Stream stream, std::shared_ptr<HttpContext> context)
      : stream_(std::move(stream)), context_(std::move(context)) {
    context_->add(*this);
  }
  ~HttpSession() override { context_->remove(*this); }

  /// Calls `handshake(stream, done)` (TLS; a plain stream calls `done` at once), then serves requests.
  template <typename Handshake>
  void start(Handshake&& handshake) {
    expireLater();
    handshake(stream_, [self = this->shared_from_this()](beast::error_code error) {
      if (!error) self->read();
    });
  }

  void finish() override {
    if (!responding_) abort();
  }
  void abort() override { beast::get_lowest_layer(stream_).close(); }

 private:
  void expireLater() {
    beast::get_lowest_layer(stream_).expires_after(
        std::chrono::seconds(context_->http.requestTimeoutSeconds));
  }

  /// The deadline is for the whole request: drop by drop wins nothing.
  void read() {
    responding_ = false;
    if (context_->stopping) return close();
    parser_.emplace();
    parser_->header_limit(context_->http.maxHeaderBytes);
    parser_->body_limit(context_->http.maxBodyBytes);
    expireLater();
    http::async_read(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](beast::error_code error, size_t) { self->onRead(error); });
  }

  void onRead(beast::error_code error) {
    responding_ = true;
    if (error == http::error::header_limit) {
      ++context_->headersTooLarge;
      return refuse(errorResponse(431, "too_large", "the request's headers are too large"));
    }
    if (error == http::error::body_limit) {
      ++context_->bodiesTooLarge;
      return refuse(errorResponse(413, "too_large", "the request's body is too large"));
    }
    if (error.category() == make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      ++context_->malformed;
      return refuse(errorResponse(400, "bad_request", "this is not HTTP: " + error.message()));
    }
    // An idle connection ends the same way, and is nobody's fault.
    if (error == beast::error::timeout && (parser_->got_some() || buffer_.size() != 0)) ++context_->timedOut;
    if (error) return close();
    ++context_->requests;
    const auto& request = parser_->get();
    if (isWebSocket(request)) return upgrade();

    HttpRequest plain{std::string(request.method_string()), std::string(request.target()), request.body(),
                      std::string(request[http::field::if_none_match])};
    context_->routes.handle(plain, [self = this->shared_from_this(), version = request.version(),
                                    keepAlive = request.keep_alive(),
                                    isHead = request.method() == http::verb::head](HttpResponse response) {
      self->write(std::move(response), version, keepAlive, isHead);
    });
  }

  static bool isWebSocket(const http::request<http::string_body>& request) {
    const std::string_view target(request.target().data(), request.target().size());
    return target.substr(0, target.find('?')) == "/ws" && beast::websocket::is_upgrade(request);
  }

  void upgrade() {
    beast::get_lowest_layer(stream_).expires_never();
    std::make_shared<WebSocketSession<Stream>>(std::move(stream_), context_)->start(parser_->release());
  }

  /// The rest of what the client sends is not read: the connection ends with the answer.
  void refuse(HttpResponse response) { write(std::move(response), 11, false, false); }

  void write(HttpResponse response, unsigned version, bool keepAlive, bool isHead) {
    response_.emplace(static_cast<http::status>(response.status), version);
    for (const auto& [name, value] : Routes::securityHeaders()) response_->set(name, value);
    if (context_->http.tls.enabled()) response_->set("Strict-Transport-Security", "max-age=31536000");
    for (const auto& [name, value] : response.headers) response_->set(name, value);
    response_->set(http::field::content_type, response.contentType);
    response_->keep_alive(keepAlive && !context_->stopping);
    const size_t size = response.body.size();
    if (!isHead) response_->body() = std::move(response.body);
    if (response.status != 304) response_->content_length(size);
    expireLater();
    http::async_write(stream_, *response_,
                      [self = this->shared_from_this()](beast::error_code error, size_t) {
                        if (error) return;
                        if (self->response_->keep_alive()) {
                          self->read();
                        } else {
                          self->close();
                        }
                      });
  }

  /// Nothing more to send. What the client has sent and nobody wants is read and thrown away for a while: a
  /// socket closed over unread bytes resets the connection, and the answer may never arrive.
  void close() {
    beast::error_code ignored;
    beast::get_lowest_layer(stream_).socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    beast::get_lowest_layer(stream_).expires_after(lingerTime);
    drain();
  }

  void drain() {
    buffer_.clear();
    beast::get_lowest_layer(stream_).async_read_some(
        buffer_.prepare(drainBytes), [self = this->shared_from_this()](beast::error_code error, size_t) {
          if (!error) self->drain();
        });
  }

  Stream stream_;
  std::shared_ptr<HttpContext> context_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  bool responding_ = false;
};

}  // namespace sotto::server
