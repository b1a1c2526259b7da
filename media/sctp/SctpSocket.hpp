// One usrsctp socket as an association over DTLS needs it (RFC 8831 section 5, RFC 8261): its options,
// sending without waiting, and reading messages and notifications. Knows nothing of channels.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "media/base/Bytes.hpp"

struct socket;

namespace sotto::sctp {

/// Streams of each direction: two channels, and some to spare for those that are opened anew.
inline constexpr uint16_t maxStreams = 64;

/// One message to send.
struct OutgoingMessage {
  uint16_t stream = 0;
  uint32_t protocol = 0;  ///< payload protocol identifier (RFC 8831 section 8)
  bool ordered = true;
  std::optional<uint16_t> maxRetransmits;
  std::optional<uint32_t> maxLifetimeMs;
  base::ByteView data;  ///< not empty
};

/// What was read.
struct IncomingEvent {
  enum class Kind : uint8_t {
    Nothing,        ///< no more for now
    Data,           ///< a message or a piece of one
    Up,             ///< the handshake is done
    Lost,           ///< aborted, shut down, restarted by the peer or never answered
    IncomingReset,  ///< the peer has reset its side of `streams` (RFC 6525)
    OutgoingReset,  ///< ours are reset, or the peer does not want to
    Other,          ///< of no interest
  };
  Kind kind = Kind::Nothing;
  uint16_t stream = 0;
  uint32_t protocol = 0;
  base::ByteView data;            ///< in the room that was given
  bool complete = false;          ///< the last piece of its message
  std::vector<uint16_t> streams;  ///< of resets; empty: all
};

class SctpSocket {
 public:
  enum class Sent : uint8_t { Yes, Full, Failed };

  /// `address` is known to usrsctp already. Throws std::runtime_error when usrsctp has no room for another.
  SctpSocket(uint64_t address, uint16_t localPort, uint16_t remotePort);
  /// Aborts: nobody waits for the peer. The ABORT goes out as any packet does.
  ~SctpSocket();
  SctpSocket(const SctpSocket&) = delete;
  SctpSocket& operator=(const SctpSocket&) = delete;

  /// Begins the handshake. Both ends do (RFC 8841 section 9.3). False when usrsctp refused.
  bool connect();
  Sent send(const OutgoingMessage& message);
  /// `room` holds what is read.
  IncomingEvent receive(base::MutableByteView room);
  /// False: one is on its way; ask again later.
  bool resetOutgoing(uint16_t stream);
  /// Something was sent that the peer has not yet acknowledged.
  bool hasUnacknowledged() const;

 private:
  template <typename Value>
  void set(int option, const Value& value);
  void setUp(uint16_t localPort);
  IncomingEvent notification(base::ByteView bytes) const;

  uint64_t address_;
  uint16_t remotePort_;
  struct ::socket* socket_ = nullptr;
};

}  // namespace sotto::sctp
