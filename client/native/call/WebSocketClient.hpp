// A WebSocket to the server over TCP or TLS (RFC 6455), on an Asio event loop: opens, sends and receives text
// messages, closes. One object for one connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "client/native/call/TlsTrust.hpp"
#include "media/base/Expected.hpp"

namespace boost::asio {
class io_context;
}

namespace sotto::client::call {

/// Where the WebSocket is, from what a person typed.
struct WebSocketUrl {
  bool tls = false;
  std::string host;  ///< name or address, without brackets
  std::string port;  ///< decimal
  std::string path;  ///< begins with '/'

  /// ws://, wss://, http:// or https://; no path, or "/": "/ws". Anything after '#' is dropped: it is
  /// nobody's but the client's.
  static base::Expected<WebSocketUrl> parse(std::string_view text);
};

class WebSocketClient {
 public:
  struct Handlers {
    std::function<void()> onOpen;
    std::function<void(std::string_view)> onText;
    /// Exactly once, unless the object was dropped before; nothing follows. `reason` is for a person, `code`
    /// the server's close code (RFC 6455 section 7.4), 0 when it has said none.
    std::function<void(const std::string& reason, uint16_t code)> onClosed;
  };

  virtual ~WebSocketClient() = default;
  /// Begins to connect; `trust` counts with TLS. Handlers are called from the event loop, never from within a
  /// call.
  static std::shared_ptr<WebSocketClient> open(boost::asio::io_context& loop, const WebSocketUrl& url,
                                               const TlsTrust& trust, Handlers handlers);
  virtual void send(std::string text) = 0;
  /// Closes (1000) after what was sent before.
  virtual void close() = 0;
  /// Closes at once; no handler is called any more.
  virtual void drop() = 0;
};

}  // namespace sotto::client::call
