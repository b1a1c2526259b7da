// One WebSocket (RFC 6455) as signaling's Connection: a bounded queue out, pings, an end for the silent.
// Included by PlainSession.cpp and TlsSession.cpp only: Beast is heavy.
#pragma once

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/HttpContext.hpp"

namespace sotto::server {

template <typename Stream>
class WebSocketSession final : public Session,
                               public signaling::Connection,
                               public std::enable_shared_from_this<WebSocketSession<Stream>> {
  using ErrorCode = boost::beast::error_code;
  using Clock = std::chrono::steady_clock;
  using Request = boost::beast::http::request<boost::beast::http::string_body>;
  /// How long a peer may take to answer our close frame, and to take what was queued before it.
  static constexpr std::chrono::seconds closeTimeout{5};
  static constexpr uint16_t closeInternalError = 1011;

 public:
  WebSocketSession(Stream stream, std::shared_ptr<HttpContext> context)
      : socket_(std::move(stream)), context_(std::move(context)), timer_(socket_.get_executor()) {
    context_->add(*this);
  }
  ~WebSocketSession() override {
    context_->queuedBytes -= queuedBytes_;
    context_->remove(*this);
  }

  void start(Request request) {
    namespace websocket = boost::beast::websocket;
    const config::Clients& limits = context_->clients;
    // Signs of life are counted here: Beast's own idle timer sees messages, but no pongs.
    socket_.set_option(websocket::stream_base::timeout{
        std::chrono::seconds(context_->http.requestTimeoutSeconds), websocket::stream_base::none(), false});
    socket_.control_callback([this](websocket::frame_type, auto) { lastSeen_ = Clock::now(); });
    socket_.read_message_max(limits.maxMessageBytes);
    socket_.text(true);
    request_ = std::move(request);
    socket_.async_accept(request_, [self = this->shared_from_this()](ErrorCode error) {
      if (!error) self->onAccepted();
    });
  }

  void finish() override {}
  void abort() override { boost::beast::get_lowest_layer(socket_).close(); }

  void send(std::string text) override {
    if (closing_) return;
    // The first message always goes: only one who leaves others lying is slow.
    if (!queue_.empty() && queuedBytes_ + text.size() > context_->clients.maxQueueBytes) {
      ++context_->slowReaders;
      // What has not been begun is not worth waiting for: the client is to hear why it ends.
      while (queue_.size() > 1) unqueue(queue_.size() - 1);
      return close(1008, "reads too slowly");
    }
    queuedBytes_ += text.size();
    context_->queuedBytes += text.size();
    queue_.push_back(std::move(text));
    if (!writing_) write();
  }

  void close(uint16_t code, std::string reason) override {
    if (closing_) return;
    closing_ = true;
    reason_.code = code;
    constexpr size_t longestReason = 123;  // RFC 6455 section 5.5: a control frame has 125 bytes
    reason_.reason.assign(reason.data(), std::min(reason.size(), longestReason));
    timer_.expires_after(closeTimeout);
    timer_.async_wait([self = this->shared_from_this()](ErrorCode error) {
      if (!error) self->abort();
    });
    if (!writing_) sendClose();
  }

 private:
  void onAccepted() {
    if (!context_->guarded([this] { id_ = context_->webSockets.onOpen(this->shared_from_this()); })) {
      close(closeInternalError, "internal error");
    }
    read();
    if (closing_) return;
    lastSeen_ = Clock::now();
    nextPing_ = lastSeen_ + std::chrono::seconds(context_->clients.pingIntervalSeconds);
    watchLife();
  }

  void read() {
    socket_.async_read(buffer_, [self = this->shared_from_this()](ErrorCode error, size_t) {
      if (error == boost::beast::websocket::error::message_too_big) ++self->context_->messagesTooLarge;
      if (error) return self->end();
      self->lastSeen_ = Clock::now();
      if (!self->socket_.got_text()) {
        ++self->context_->notText;
        self->close(1003, "only text messages are taken");
      } else if (!self->closing_) {
        self->handle();
      }
      self->buffer_.consume(self->buffer_.size());
      self->read();
    });
  }

  void handle() {
    const auto bytes = buffer_.cdata();
    const std::string_view text(static_cast<const char*>(bytes.data()), bytes.size());
    if (!context_->guarded([&] { context_->webSockets.onMessage(*id_, text); })) {
      close(closeInternalError, "internal error");
    }
  }

  void unqueue(size_t index) {
    queuedBytes_ -= queue_[index].size();
    context_->queuedBytes -= queue_[index].size();
    queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  void write() {
    writing_ = true;
    socket_.async_write(boost::asio::buffer(queue_.front()),
                        [self = this->shared_from_this()](ErrorCode error, size_t) {
                          self->writing_ = false;
                          if (error) return;
                          self->unqueue(0);
                          if (!self->queue_.empty()) {
                            self->write();
                          } else if (self->closing_) {
                            self->sendClose();
                          }
                        });
  }

  void sendClose() {
    socket_.async_close(reason_, [self = this->shared_from_this()](ErrorCode) { self->timer_.cancel(); });
  }

  /// Wakes for the next ping or for the end of patience, whichever comes first.
  void watchLife() {
    timer_.expires_at(std::min(nextPing_, lastSeen_ + idleTimeout()));
    timer_.async_wait([self = this->shared_from_this()](ErrorCode error) {
      if (!error && !self->closing_) self->checkLife();
    });
  }

  void checkLife() {
    const auto now = Clock::now();
    if (now >= lastSeen_ + idleTimeout()) {
      ++context_->idle;
      return abort();
    }
    if (now >= nextPing_ && !pinging_) {
      nextPing_ = now + std::chrono::seconds(context_->clients.pingIntervalSeconds);
      pinging_ = true;
      socket_.async_ping({}, [self = this->shared_from_this()](ErrorCode) { self->pinging_ = false; });
    }
    watchLife();
  }

  std::chrono::seconds idleTimeout() const {
    return std::chrono::seconds(context_->clients.idleTimeoutSeconds);
  }

  void end() {
    if (ended_) return;
    ended_ = true;
    closing_ = true;
    timer_.cancel();
    if (id_) context_->guarded([this] { context_->webSockets.onClose(*id_); });
  }

  boost::beast::websocket::stream<Stream> socket_;
  std::shared_ptr<HttpContext> context_;
  boost::asio::steady_timer timer_;  ///< see watchLife(); once closing, until the hard end
  Clock::time_point lastSeen_;
  Clock::time_point nextPing_;
  Request request_;
  boost::beast::flat_buffer buffer_;
  std::deque<std::string> queue_;
  size_t queuedBytes_ = 0;
  boost::beast::websocket::close_reason reason_;
  std::optional<uint64_t> id_;  ///< none when signaling failed at taking the connection
  bool pinging_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool ended_ = false;
};

}  // namespace sotto::server
