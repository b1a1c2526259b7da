// The SCTP association of one connection and its data channels (RFC 8831, RFC 8832), without I/O: packets
// and the time in, packets out. What waits to be sent is bounded, and a refusal is a value.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"
#include "media/base/Units.hpp"
#include "media/sctp/Dcep.hpp"
#include "media/sctp/SctpSocket.hpp"
#include "media/sctp/SctpStack.hpp"

namespace sotto::sctp {

/// What an association tells, from within its onPacket, onTime and resumeReading only. Any of its functions
/// may be called from there, but it must not be destroyed.
class AssociationListener {
 public:
  virtual ~AssociationListener() = default;
  /// The peer has opened this channel, or has confirmed ours.
  virtual void onChannelOpen(uint16_t stream, const ChannelParameters& channel) = 0;
  /// Both ways are shut; its number may come again.
  virtual void onChannelClosed(uint16_t stream) = 0;
  /// `data` is valid during the call.
  virtual void onChannelMessage(uint16_t stream, base::ByteView data, bool binary) = 0;
  /// Over, with all channels. `reason` is for a person.
  virtual void onAssociationLost(const std::string& reason) = 0;
};

struct AssociationParameters {
  uint16_t localPort = 5000, remotePort = 5000;  ///< a=sctp-port (RFC 8841 section 5)
  /// The DTLS client takes even streams for the channels that it opens (RFC 8832 section 6).
  bool dtlsClient = false;
  size_t maxMessageSize = 65'536;      ///< bytes that we take; a peer that sends more is cut off
  size_t maxPeerMessageSize = 65'536;  ///< bytes that the peer takes
  /// Reliable bytes that may wait for room in SCTP's own buffer of 128 KiB.
  size_t maxWaiting = size_t{1} << 20;
};

enum class SendOutcome : uint8_t {
  Sent,       ///< on its way, or waiting for it
  NoChannel,  ///< no such channel, or it is being closed
  TooLarge,   ///< longer than the peer takes
  Full,       ///< too much waits already
};

class SctpAssociation {
 public:
  /// `send` takes outgoing packets, from within the calls below. Starts at once. Throws std::runtime_error
  /// when usrsctp has no room for another.
  SctpAssociation(const AssociationParameters& parameters, std::function<void(base::ByteView)> send,
                  AssociationListener& listener, base::Timestamp now);
  /// Aborts the association without waiting for the peer; sends nothing: see abort().
  ~SctpAssociation();
  SctpAssociation(const SctpAssociation&) = delete;
  SctpAssociation& operator=(const SctpAssociation&) = delete;

  /// One packet from the network, hostile.
  void onPacket(base::ByteView packet, base::Timestamp now);
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  /// Opens a channel; onChannelOpen follows when the peer has confirmed. Messages may be sent at once. None
  /// when all streams are in use.
  std::optional<uint16_t> open(const ChannelParameters& channel, base::Timestamp now);
  /// Closes a channel (RFC 8831 section 6.7). What still waits for it is thrown away.
  void close(uint16_t stream, base::Timestamp now);
  /// Unreliable messages never wait: they go out now, or the outcome is Full.
  SendOutcome send(uint16_t stream, base::ByteView data, bool binary, base::Timestamp now);
  /// Tells the peer that this is the end. The listener hears nothing.
  void abort(base::Timestamp now);

  /// Leaves messages where they are: soon the peer may send no more (its window closes).
  void pauseReading() { reading_ = false; }
  void resumeReading(base::Timestamp now);
  bool reading() const { return reading_; }

  bool connected() const { return connected_ && socket_ != nullptr; }
  bool over() const { return socket_ == nullptr; }
  /// Reliable bytes that wait for room in SCTP's own buffer.
  size_t waitingBytes() const { return waitingBytes_; }

 private:
  struct Channel {
    ChannelParameters parameters;
    bool confirmed = false;  ///< by the peer; until then messages are sent in order (RFC 8832 section 6)
    bool closing = false;
    bool ourSideReset = false, theirSideReset = false;
  };
  struct Waiting {
    uint16_t stream = 0;
    uint32_t protocol = 0;
    std::vector<uint8_t> data;
  };

  void settle(base::Timestamp now);
  void readAll();
  void onData(const IncomingEvent& event);
  void onMessage(uint16_t stream, uint32_t protocol, base::ByteView data);
  void onControl(uint16_t stream, base::ByteView message);
  void onOpen(uint16_t stream, const ChannelParameters& channel);
  void onIncomingReset(const std::vector<uint16_t>& streams);
  void onOutgoingReset(const std::vector<uint16_t>& streams);
  void beginClosing(uint16_t stream);
  std::optional<uint16_t> freeStream() const;
  void forgetIfClosed(uint16_t stream);
  bool transmit(uint16_t stream, uint32_t protocol, base::ByteView data);
  void enqueue(uint16_t stream, uint32_t protocol, base::ByteView data);
  void sendWaiting();
  void askForResets();
  void lose(const std::string& reason);
  void flushPackets();
  std::vector<uint16_t> named(const std::vector<uint16_t>& streams) const;

  AssociationParameters parameters_;
  std::function<void(base::ByteView)> send_;
  AssociationListener& listener_;
  PacketQueue packets_;
  uint64_t address_;
  std::unique_ptr<SctpSocket> socket_;  ///< none: over
  bool connected_ = false;
  bool reading_ = true;
  std::map<uint16_t, Channel> channels_;
  std::deque<Waiting> waiting_;
  size_t waitingBytes_ = 0;
  std::set<uint16_t> resetsWanted_;
  std::vector<uint8_t> partial_;  ///< what came so far of a message that is read in pieces
  bool busy_ = true;              ///< usrsctp has timers running that matter
  base::Timestamp lastActive_, lastRun_;
};

}  // namespace sotto::sctp
