// What all HTTP and WebSocket sessions share: settings, routes, and the list of those that are open.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "config/Config.hpp"
#include "server/HttpServer.hpp"
#include "server/Log.hpp"
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
  /// TLS handshakes that led to nothing, and why.
  uint64_t handshakesTimedOut = 0, handshakesFailed = 0;
  /// WebSockets that the server ended by itself, and why.
  uint64_t idle = 0, slowReaders = 0, messagesTooLarge = 0, notText = 0;
  uint64_t queuedBytes = 0;  ///< that wait to be sent on WebSockets
  uint64_t faults = 0;       ///< handlers that threw
  bool stopping = false;

  void add(Session& session) { sessions.insert(&session); }
  void remove(Session& session) {
    sessions.erase(&session);
    if (sessions.empty() && onEmpty) onEmpty();
  }
  /// Runs what one connection has brought about. False when that brought out an error in this program: then
  /// this connection ends, and no other.
  template <typename Work>
  bool guarded(Work&& work) {
    try {
      std::forward<Work>(work)();
      return true;
    } catch (const std::exception& error) {
      ++faults;
      logError(std::string("an error in the program ended one connection: ") + error.what());
      return false;
    }
  }
};

/// Both take the socket over; the session lives until its connection ends.
void startPlainSession(boost::asio::ip::tcp::socket socket, std::shared_ptr<HttpContext> context);
void startTlsSession(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& tls,
                     std::shared_ptr<HttpContext> context);

}  // namespace sotto::server
