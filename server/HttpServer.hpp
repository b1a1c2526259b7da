// The listening socket: plain or TLS, HTTP and WebSocket on one port, with bounds on what strangers can make
// it keep.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/Config.hpp"
#include "media/base/Expected.hpp"
#include "media/control/Messages.hpp"
#include "server/Routes.hpp"
#include "signaling/Connection.hpp"

namespace sotto::server {

/// Takes WebSocket connections. Called from the event loop. A call that throws ends its connection (1011).
class WebSocketHandler {
 public:
  virtual ~WebSocketHandler() = default;
  /// A number for the connection in the calls below.
  virtual uint64_t onOpen(std::shared_ptr<signaling::Connection> connection) = 0;
  virtual void onMessage(uint64_t id, std::string_view text) = 0;
  /// The socket is gone; called exactly once for each onOpen that returned.
  virtual void onClose(uint64_t id) = 0;
};

/// Whether certificate and key can be read and belong together.
base::Expected<void> checkTls(const config::Tls& tls);

class HttpServer {
 public:
  /// References must outlive the server.
  HttpServer(boost::asio::io_context& io, const config::Http& http, const config::Clients& clients,
             const Routes& routes, WebSocketHandler& webSockets);
  ~HttpServer();

  /// Binds and accepts from now on. Returns the port; an error when the address cannot be bound.
  base::Expected<uint16_t> listen();
  /// Takes no new connections and closes those that wait for an HTTP request. WebSockets stay: it is for
  /// signaling to close them. `done` is called when no connection is left.
  void stop(std::function<void()> done);
  /// Closes every connection at once.
  void abort();

  /// Connections that are open, connections refused for their number, requests answered, and what was refused
  /// or cut off by its reason.
  std::vector<control::Counter> counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sotto::server
