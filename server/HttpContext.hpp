// What all HTTP and WebSocket sessions share: settings, routes, and the list of those that are open.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>

#include "config/Config.hpp"
#include "server/HttpServer.hpp"
#include "server/Routes.hpp"

namespace sotto::server {

/// An open connection.
class Session {
 public:
  virtual ~Session() = default;
  /// Ends as soon as nothing is under way. A WebSocket goes on until signaling closes it.
  virtual void finish() = 0;
  /// Closes the socket now.
  virtual void abort() = 0;
};

struct HttpContext {
  config::Http http;
  config::Clients clients;
  const Routes& routes;
  WebSocketHandler& webSockets;
  std::set<Session*> sessions;
  std::function<void()> onEmpty;  ///< called when the last session has gone
  uint64_t requests = 0;
  uint64_t refused = 0;
  /// Requests that were not answered as asked, and why.
  uint64_t malformed = 0, headersTooLarge = 0, bodiesTooLarge = 0, timedOut = 0;
  /// WebSockets that the server ended by itself, and why.
  uint64_t idle = 0, slowReaders = 0, messagesTooLarge = 0, notText = 0;
  bool stopping = false;

  void add(Session& session) { sessions.insert(&session); }
  void remove(Session& session) {
    sessions.erase(&session);
    if (sessions.empty() && onEmpty) onEmpty();
  }
};

/// Both take the socket over; the session lives until its connection ends.
void startPlainSession(boost::asio::ip::tcp::socket socket, std::shared_ptr<HttpContext> context);
void startTlsSession(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& tls,
                     std::shared_ptr<HttpContext> context);

}  // namespace sotto::server
