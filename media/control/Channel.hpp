// One end of the Unix SOCK_SEQPACKET socketpair between server and worker: a message for each send, never
// split, never merged; end of file when the other process is gone. Non-blocking I/O, so only worker/ and
// server/ use it.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "media/base/Expected.hpp"

namespace sotto::control {

class Channel {
 public:
  /// Past this a message is refused: the kernel's default socket buffer takes no larger one.
  static constexpr size_t maxMessageBytes = size_t{160} * 1024;
  /// Bytes that wait for a peer which does not read; past them the peer is as good as dead.
  static constexpr size_t maxQueuedBytes = 64 << 20;

  /// Closed: the peer is gone, or far too slow. TooLarge: this message was not sent, others may be.
  enum class Status { Ok, Closed, TooLarge };

  /// Two connected ends, both non-blocking and close-on-exec.
  static base::Expected<std::pair<Channel, Channel>> makePair();
  /// Takes over a descriptor (made non-blocking).
  explicit Channel(int descriptor);
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&& other) noexcept;
  ~Channel();

  int descriptor() const { return descriptor_; }
  /// Gives the descriptor away.
  int release() { return std::exchange(descriptor_, -1); }
  void close();
  /// Ends the connection for both sides, whoever else holds copies of the descriptor.
  void hangUp();

  /// Sends, or queues behind what waits already.
  Status send(std::string message);
  /// Sends what is queued, as far as the socket takes it. Call when the descriptor is writable.
  Status flush();
  /// Whether something waits for the descriptor to become writable.
  bool wantsWrite() const { return !queue_.empty(); }

  /// The next message; nullopt when there is none right now or the peer is gone (then isClosed()).
  std::optional<std::string> receive();
  bool isClosed() const { return closed_; }

 private:
  int descriptor_ = -1;
  std::deque<std::string> queue_;
  size_t queuedBytes_ = 0;
  std::string buffer_;
  bool closed_ = false;
};

}  // namespace sotto::control
