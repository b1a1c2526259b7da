// A client's connection as signaling sees it: text out, and an end. The server implements it over a
// WebSocket, tests over a vector.
#pragma once

#include <cstdint>
#include <string>

namespace sotto::signaling {

class Connection {
 public:
  virtual ~Connection() = default;
  /// Queues one text message. Must not call back into the Service.
  virtual void send(std::string text) = 0;
  /// Closes after everything queued has been sent. `code` is a WebSocket close code (RFC 6455 section 7.4),
  /// `reason` at most 123 bytes. Must not call back into the Service.
  virtual void close(uint16_t code, std::string reason) = 0;
};

}  // namespace sotto::signaling
