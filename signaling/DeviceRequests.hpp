// What a socket may ask as a device, in a room or not: to get its messages, to send and acknowledge some
// (docs/directory.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "signaling/Connection.hpp"
#include "signaling/Directory.hpp"
#include "signaling/KeyDirectory.hpp"
#include "signaling/Mailboxes.hpp"
#include "signaling/Messages.hpp"

namespace sotto::signaling {

/// How answers reach the sockets, which may be gone by then.
class SocketAnswers {
 public:
  virtual ~SocketAnswers() = default;
  virtual bool isOpen(uint64_t connectionId) const = 0;
  virtual void answer(uint64_t connectionId, const std::string& text) = 0;
  virtual void refuseRequest(uint64_t connectionId, uint64_t request, const RequestError& error) = 0;
};

class DeviceRequests {
 public:
  DeviceRequests(Directory& directory, KeyDirectory& keys, Mailboxes& mailboxes, SocketAnswers& answers);

  /// Who attaches: the device of the session that has joined (null: none), else that of the token.
  Result<DeviceName> identify(const AttachRequest& request, const DeviceName* known);
  void attach(uint64_t connectionId, uint64_t request, const AttachRequest& body, const DeviceName& device,
              std::shared_ptr<Connection> connection);
  void send(uint64_t connectionId, uint64_t request, SendRequest body, const DeviceName& device);
  void acknowledge(uint64_t connectionId, uint64_t request, AckRequest body, const DeviceName& device);

 private:
  Directory& directory_;
  KeyDirectory& keys_;
  Mailboxes& mailboxes_;
  SocketAnswers& answers_;
};

}  // namespace sotto::signaling
