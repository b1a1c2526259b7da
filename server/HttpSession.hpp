// One HTTP connection, over a plain or a TLS stream (RFC 9112), until it ends or becomes a WebSocket.
// Included by PlainSession.cpp and TlsSession.cpp only: Beast is heavy.
#pragma once

#include <boost/asio/write.hpp>
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
  static constexpr std::chrono::milliseconds shortLingerTime{200};  ///< while the server ends
  static constexpr size_t drainBytes = 16384;
  static constexpr size_t pieceBytes = 65536;

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
      if (!error) return self->read();
      ++(error == beast::error::timeout ? self->context_->handshakesTimedOut
                                        : self->context_->handshakesFailed);
    });
  }

  /// What waits for the client, be it for the rest of a request, owes it nothing.
  void finish() override {
    if (!responding_) abort();
  }
  void abort() override { beast::get_lowest_layer(stream_).close(); }

 private:
  void expireLater() {
    beast::get_lowest_layer(stream_).expires_after(
        std::chrono::seconds(context_->http.requestTimeoutSeconds));
  }

  /// Headers first: they say which route it is, and that how much body may follow.
  void read() {
    responding_ = answered_ = false;
    bodyPending_ = keepAlive_ = isHead_ = false;
    version_ = 11;
    if (context_->stopping) return close();
    headers_.emplace();
    headers_->header_limit(context_->http.maxHeaderBytes);
    headers_->body_limit(boost::none);
    expireLater();
    http::async_read_header(
        stream_, buffer_, *headers_,
        [self = this->shared_from_this()](beast::error_code error, size_t) { self->onHeaders(error); });
  }

  void onHeaders(beast::error_code error) {
    responding_ = true;
    if (refuseMalformed(error)) return;
    // An idle connection ends the same way, and is nobody's fault.
    if (error == beast::error::timeout && (headers_->got_some() || buffer_.size() != 0)) ++context_->timedOut;
    if (error) return close();
    ++context_->requests;
    const auto& head = headers_->get();
    request_ = HttpRequest{std::string(head.method_string()),
                           std::string(head.target()),
                           "",
                           std::string(head[http::field::if_none_match]),
                           std::string(head[http::field::authorization]),
                           std::string(head[http::field::host]),
                           std::string(head[http::field::origin]),
                           std::string(head[http::field::range]),
                           std::string(head["Upload-Offset"]),
                           std::nullopt};
    version_ = head.version();
    keepAlive_ = head.keep_alive();
    isHead_ = head.method() == http::verb::head;
    upgrades_ = isWebSocket(head);
    if (const auto length = headers_->content_length()) request_.contentLength = *length;
    const BodyRule rule = context_->routes.bodyRule(request_);
    bodyPending_ = true;
    if (request_.contentLength.value_or(0) > rule.limit) {
      ++context_->bodiesTooLarge;
      return refuse(errorResponse(413, "too_large", "the request's body is too large"));
    }
    if (rule.streamed) return startUpload(rule.limit);
    parser_.emplace(std::move(*headers_));
    parser_->body_limit(rule.limit);
    responding_ = false;
    // The deadline is still the one of the whole request: drop by drop wins nothing.
    http::async_read(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](beast::error_code failed, size_t) { self->onBody(failed); });
  }

  /// True when the error was about what came in, and has been answered.
  bool refuseMalformed(beast::error_code error) {
    if (error == http::error::header_limit) {
      ++context_->headersTooLarge;
      refuse(errorResponse(431, "too_large", "the request's headers are too large"));
      return true;
    }
    if (error == http::error::body_limit) {
      ++context_->bodiesTooLarge;
      refuse(errorResponse(413, "too_large", "the request's body is too large"));
      return true;
    }
    if (error.category() == make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      ++context_->malformed;
      refuse(errorResponse(400, "bad_request", "this is not HTTP: " + error.message()));
      return true;
    }
    return false;
  }

  void onBody(beast::error_code error) {
    responding_ = true;
    if (refuseMalformed(error)) return;
    if (error == beast::error::timeout) ++context_->timedOut;
    if (error) return close();
    bodyPending_ = false;
    if (upgrades_) {
      if (context_->routes.allowsOrigin(request_)) return upgrade();
      return refuse(errorResponse(403, "forbidden", "pages of this origin may not use this server"));
    }
    request_.body = std::move(parser_->get().body());
    guarded([this] { context_->routes.handle(request_, responder()); });
  }

  Respond responder() {
    return [self = this->shared_from_this()](HttpResponse response) { self->write(std::move(response)); };
  }

  /// An error in this program is answered, unless the answer is on its way.
  template <typename Work>
  void guarded(Work&& work) {
    if (context_->guarded(std::forward<Work>(work)) || answered_) return;
    refuse(errorResponse(500, "internal", "the server failed at this request"));
  }

  // ---- a body that is taken piece by piece -------------------------------------------------------------

  void startUpload(uint64_t limit) {
    guarded([this] { sink_ = context_->routes.openUpload(request_, responder()); });
    if (!sink_) return;
    const bool waits = beast::iequals(headers_->get()[http::field::expect], "100-continue");
    upload_.emplace(std::move(*headers_));
    upload_->body_limit(limit);
    if (!waits) return readPiece();
    // The client holds the body back until it hears that it is wanted (RFC 9110 section 10.1.1).
    static constexpr std::string_view goOn = "HTTP/1.1 100 Continue\r\n\r\n";
    boost::asio::async_write(stream_, boost::asio::buffer(goOn),
                             [self = this->shared_from_this()](beast::error_code error, size_t) {
                               if (!error) return self->readPiece();
                               self->sink_.reset();
                             });
  }

  /// Each piece has the time of a request: slow is allowed, silent is not.
  void readPiece() {
    if (upload_->is_done()) return finishUpload();
    if (context_->stopping) {
      sink_.reset();
      return abort();
    }
    responding_ = false;
    expireLater();
    piece_.resize(pieceBytes);
    upload_->get().body().data = piece_.data();
    upload_->get().body().size = piece_.size();
    // What is there, not what would fill the buffer: a connection that breaks off loses nothing it has
    // brought.
    http::async_read_some(
        stream_, buffer_, *upload_,
        [self = this->shared_from_this()](beast::error_code error, size_t) { self->onPiece(error); });
  }

  void onPiece(beast::error_code error) {
    responding_ = true;
    if (error == http::error::need_buffer) error = {};
    if (error) {
      const std::shared_ptr<BodySink> ended = std::move(sink_);
      if (!refuseMalformed(error)) close();
      return;
    }
    piece_.resize(piece_.size() - upload_->get().body().size);
    if (piece_.empty()) return readPiece();
    beast::get_lowest_layer(stream_).expires_never();  // the disk's time is not the client's
    sink_->write(std::move(piece_), [self = this->shared_from_this()](bool more) {
      if (more) return self->readPiece();
      self->sink_.reset();
    });
  }

  void finishUpload() {
    bodyPending_ = false;
    const std::shared_ptr<BodySink> complete = std::move(sink_);
    complete->finish();
  }

  template <typename Head>
  static bool isWebSocket(const Head& request) {
    const std::string_view target(request.target().data(), request.target().size());
    return target.substr(0, target.find('?')) == "/ws" && beast::websocket::is_upgrade(request);
  }

  void upgrade() {
    beast::get_lowest_layer(stream_).expires_never();
    std::make_shared<WebSocketSession<Stream>>(std::move(stream_), context_)->start(parser_->release());
  }

  /// The rest of what the client sends is not read: the connection ends with the answer.
  void refuse(HttpResponse response) {
    keepAlive_ = false;
    write(std::move(response));
  }

  template <typename Response>
  void fillHeaders(Response& out, const HttpResponse& response) {
    for (const auto& [name, value] : Routes::securityHeaders()) out.set(name, value);
    if (context_->http.tls.enabled()) out.set("Strict-Transport-Security", "max-age=31536000");
    for (const auto& [name, value] : response.headers) out.set(name, value);
    out.set(http::field::content_type, response.contentType);
    // A body that nobody has read would be taken for the next request.
    out.keep_alive(keepAlive_ && !bodyPending_ && !context_->stopping);
  }

  void write(HttpResponse response) {
    if (std::exchange(answered_, true)) return;  // by a handler that failed afterwards, or before
    if (response.source) return stream(std::move(response));
    response_.emplace(static_cast<http::status>(response.status), version_);
    fillHeaders(*response_, response);
    const size_t size = response.body.size();
    if (!isHead_) response_->body() = std::move(response.body);
    if (response.status != 304 && response.status != 204) response_->content_length(size);
    expireLater();
    http::async_write(stream_, *response_,
                      [self = this->shared_from_this()](beast::error_code error, size_t) {
                        if (!error) self->afterResponse(self->response_->keep_alive());
                      });
  }

  void afterResponse(bool keepAlive) {
    if (keepAlive) {
      read();
    } else {
      close();
    }
  }

  // ---- a response that comes from a source -------------------------------------------------------------

  void stream(HttpResponse response) {
    source_ = std::move(response.source);
    streamed_.emplace(static_cast<http::status>(response.status), version_);
    fillHeaders(*streamed_, response);
    streamed_->content_length(source_->size());
    serializer_.emplace(*streamed_);
    expireLater();
    http::async_write_header(stream_, *serializer_,
                             [self = this->shared_from_this()](beast::error_code error, size_t) {
                               if (!error) self->writePiece(self->isHead_ ? 0 : self->source_->size());
                             });
  }

  void writePiece(uint64_t left) {
    if (left == 0) {
      source_.reset();
      return afterResponse(streamed_->keep_alive());
    }
    beast::get_lowest_layer(stream_).expires_never();
    source_->read([self = this->shared_from_this(), left](std::optional<std::string> piece) {
      // The length is promised: all that is left is to break off.
      if (!piece || piece->empty() || piece->size() > left) return self->abort();
      self->piece_ = *std::move(piece);
      self->expireLater();
      boost::asio::async_write(self->stream_, boost::asio::buffer(self->piece_),
                               [self, left](beast::error_code error, size_t size) {
                                 if (!error) self->writePiece(left - size);
                               });
    });
  }

  /// Nothing more to send. What the client has sent and nobody wants is read and thrown away for a while: a
  /// socket closed over unread bytes resets the connection, and the answer may never arrive.
  void close() {
    responding_ = false;
    beast::error_code ignored;
    beast::get_lowest_layer(stream_).socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    if (context_->stopping && !bodyPending_) return abort();
    if (context_->stopping) {
      beast::get_lowest_layer(stream_).expires_after(shortLingerTime);
    } else {
      beast::get_lowest_layer(stream_).expires_after(lingerTime);
    }
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
  // The request that is being read or answered.
  std::optional<http::request_parser<http::empty_body>> headers_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::request_parser<http::buffer_body>> upload_;
  HttpRequest request_;
  unsigned version_ = 11;
  bool keepAlive_ = false, isHead_ = false, upgrades_ = false;
  bool bodyPending_ = false;  ///< some of its body has not been read
  std::shared_ptr<BodySink> sink_;
  std::string piece_;
  std::optional<http::response<http::string_body>> response_;
  std::optional<http::response<http::empty_body>> streamed_;
  std::optional<http::response_serializer<http::empty_body>> serializer_;
  std::shared_ptr<BodySource> source_;
  bool responding_ = false;  ///< it is our turn: a request is complete, or refused, and not yet answered
  bool answered_ = false;    ///< the answer is on its way
};

}  // namespace sotto::server
