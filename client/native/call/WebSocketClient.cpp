#include "client/native/call/WebSocketClient.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <deque>

namespace sotto::client::call {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using tcp = boost::asio::ip::tcp;

namespace {

/// For name resolution to handshake; a server that is there answers in far less.
constexpr auto openTimeout = std::chrono::seconds(10);
/// Without a sign of life for this long the server is asked (ping), and given up after as long again. Below
/// the 25 s after which the server gives up on us.
constexpr auto idleTimeout = std::chrono::seconds(20);
/// Above what the server ever sends in one message: the roster of a full room.
constexpr size_t maxMessageBytes = 4 << 20;

using PlainStream = websocket::stream<beast::tcp_stream>;
using TlsStream = websocket::stream<beast::ssl_stream<beast::tcp_stream>>;

struct TlsContext {
  asio::ssl::context context{asio::ssl::context::tls_client};
};

template <typename Stream>
class Connection final : public WebSocketClient, public std::enable_shared_from_this<Connection<Stream>> {
 public:
  static constexpr bool tls = std::is_same_v<Stream, TlsStream>;

  Connection(asio::io_context& loop, WebSocketUrl url, Handlers handlers) requires(!tls)
      : url_(std::move(url)), handlers_(std::move(handlers)), resolver_(loop), stream_(loop) {}
  Connection(asio::io_context& loop, WebSocketUrl url, std::unique_ptr<TlsContext> context,
             Handlers handlers) requires tls : url_(std::move(url)),
                                               handlers_(std::move(handlers)),
                                               context_(std::move(context)),
                                               resolver_(loop),
                                               stream_(loop, context_->context) {}

  void start() {
    resolver_.async_resolve(
        url_.host, url_.port,
        [self = this->shared_from_this()](beast::error_code error, const tcp::resolver::results_type& found) {
          if (error) return self->closed("cannot find '" + self->url_.host + "': " + error.message());
          self->connect(found);
        });
  }

  void send(std::string text) override {
    if (over_ || closing_) return;
    queue_.push_back(std::move(text));
    if (open_ && !writing_) writeNext();
  }

  void close() override {
    if (over_ || closing_) return;
    closing_ = true;
    if (!open_) return drop();
    if (!writing_) sayGoodbye();
  }

  void drop() override {
    // The handlers stay until the object goes: this may be called from within one of them.
    over_ = true;
    resolver_.cancel();
    beast::get_lowest_layer(stream_).close();
  }

 private:
  void connect(const tcp::resolver::results_type& found) {
    if (over_) return;
    beast::get_lowest_layer(stream_).expires_after(openTimeout);
    beast::get_lowest_layer(stream_).async_connect(
        found, [self = this->shared_from_this()](beast::error_code error, const tcp::endpoint&) {
          if (error) return self->closed("cannot connect to " + self->where() + ": " + error.message());
          beast::error_code ignored;
          beast::get_lowest_layer(self->stream_).socket().set_option(tcp::no_delay(true), ignored);
          self->secure();
        });
  }

  void secure() {
    if constexpr (tls) {
      SSL_set_tlsext_host_name(stream_.next_layer().native_handle(), url_.host.c_str());
      stream_.next_layer().async_handshake(
          asio::ssl::stream_base::client, [self = this->shared_from_this()](beast::error_code error) {
            if (error) return self->closed("no TLS with " + self->where() + ": " + error.message());
            self->upgrade();
          });
    } else {
      upgrade();
    }
  }

  void upgrade() {
    if (over_) return;
    beast::get_lowest_layer(stream_).expires_never();
    stream_.set_option(websocket::stream_base::timeout{openTimeout, idleTimeout, true});
    stream_.read_message_max(maxMessageBytes);
    const std::string host = url_.host.find(':') == std::string::npos ? url_.host : "[" + url_.host + "]";
    stream_.async_handshake(
        host + ":" + url_.port, url_.path, [self = this->shared_from_this()](beast::error_code error) {
          if (error) return self->closed("no WebSocket at " + self->where() + ": " + error.message());
          if (self->over_) return;
          self->open_ = true;
          self->handlers_.onOpen();
          self->readNext();
          if (!self->over_ && !self->queue_.empty() && !self->writing_) self->writeNext();
        });
  }

  void readNext() {
    if (over_) return;
    stream_.async_read(buffer_, [self = this->shared_from_this()](beast::error_code error, size_t) {
      if (error) {
        const bool said = error == websocket::error::closed;
        return self->closed(self->describeEnd(error), said ? self->stream_.reason().code : uint16_t{0});
      }
      if (self->over_) return;
      const auto bytes = self->buffer_.cdata();
      // The handler may drop this object's handlers: the message is taken out of the buffer first.
      const std::string text(static_cast<const char*>(bytes.data()), bytes.size());
      self->buffer_.consume(self->buffer_.size());
      self->handlers_.onText(text);
      self->readNext();
    });
  }

  void writeNext() {
    writing_ = true;
    stream_.text(true);
    stream_.async_write(asio::buffer(queue_.front()),
                        [self = this->shared_from_this()](beast::error_code error, size_t) {
                          self->writing_ = false;
                          if (error || self->over_) return;  // the read that is under way tells the reason
                          self->queue_.pop_front();
                          if (!self->queue_.empty()) return self->writeNext();
                          if (self->closing_) self->sayGoodbye();
                        });
  }

  void sayGoodbye() {
    stream_.async_close(websocket::close_code::normal,
                        [self = this->shared_from_this()](beast::error_code) { self->closed("closed"); });
  }

  std::string where() const { return url_.host + ":" + url_.port; }

  std::string describeEnd(beast::error_code error) const {
    if (error != websocket::error::closed) return "lost the server at " + where() + ": " + error.message();
    const websocket::close_reason& reason = stream_.reason();
    std::string text = "the server closed the connection (" + std::to_string(reason.code) + ")";
    if (!reason.reason.empty()) text += ": " + std::string(reason.reason.c_str());
    return text;
  }

  void closed(const std::string& reason, uint16_t code = 0) {
    if (over_) return;
    over_ = true;
    const Handlers handlers = std::move(handlers_);
    beast::get_lowest_layer(stream_).close();
    if (handlers.onClosed) handlers.onClosed(reason, code);
  }

  WebSocketUrl url_;
  Handlers handlers_;
  std::unique_ptr<TlsContext> context_;
  tcp::resolver resolver_;
  Stream stream_;
  beast::flat_buffer buffer_;
  std::deque<std::string> queue_;
  bool open_ = false, writing_ = false, closing_ = false, over_ = false;
};

}  // namespace

base::Expected<WebSocketUrl> WebSocketUrl::parse(std::string_view text) {
  WebSocketUrl url;
  const std::string shown(text.substr(0, text.find('#')));
  std::string_view rest = shown;
  const auto take = [&](std::string_view prefix) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    return true;
  };
  if (take("wss://") || take("https://")) {
    url.tls = true;
  } else if (!take("ws://") && !take("http://")) {
    return base::fail("'" + shown +
                      "' is no server URL: it must begin with ws://, wss://, http:// or https://");
  }
  const size_t slash = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, slash);
  url.path = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
  if (url.path == "/") url.path = "/ws";
  if (url.path.front() != '/') url.path.insert(0, "/");
  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return base::fail("'" + shown + "' has a '[' without a ']'");
    url.host = std::string(authority.substr(1, end - 1));
    port = authority.substr(end + 1);
  } else {
    const size_t colon = authority.find(':');
    url.host = std::string(authority.substr(0, colon));
    port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
  }
  if (port.starts_with(':')) port.remove_prefix(1);
  url.port = port.empty() ? (url.tls ? "443" : "80") : std::string(port);
  const bool digits = url.port.find_first_not_of("0123456789") == std::string::npos && url.port.size() <= 5;
  if (url.host.empty() || !digits || std::stoi(url.port) < 1 || std::stoi(url.port) > 65'535) {
    return base::fail("'" + shown + "' is no server URL: expected scheme://host:port");
  }
  return url;
}

std::shared_ptr<WebSocketClient> WebSocketClient::open(asio::io_context& loop, const WebSocketUrl& url,
                                                       const TlsTrust& trust, Handlers handlers) {
  if (url.tls) {
    auto context = std::make_unique<TlsContext>();
    // A file that went bad since it was checked leaves nobody to trust: the handshake fails and says so.
    (void)applyTrust(context->context, trust, url.host);
    auto connection =
        std::make_shared<Connection<TlsStream>>(loop, url, std::move(context), std::move(handlers));
    connection->start();
    return connection;
  }
  auto connection = std::make_shared<Connection<PlainStream>>(loop, url, std::move(handlers));
  connection->start();
  return connection;
}

}  // namespace sotto::client::call
