// Which way a sealed message goes (docs/e2ee.md section 4, "Transport"): media keys and their receipts over
// the data channel when both ends have one, everything else, and whatever the channel does not bring in time,
// over the WebSocket. The sealed bytes are the same, so it does not matter which copy arrives, or that both
// do.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "client/native/e2ee/messenger/MessengerPorts.hpp"
#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"

namespace sotto::client::e2ee {

/// The ways themselves.
class MessageCarrier {
 public:
  virtual ~MessageCarrier() = default;
  virtual void sendBySocket(OutgoingMessage message, std::function<void(SendOutcome)> done) = 0;
  /// Hands a payload to our data channel, for the participant with this sender number. False: it is not
  /// open, full, or the payload is too large for it.
  virtual bool sendDirect(uint16_t sender, base::ByteView payload) = 0;
  /// Between us and the server; zero when unknown.
  virtual base::TimeDelta roundTrip() const = 0;
};

/// Pure: messages, events and the time in, messages out.
class MessageWays {
 public:
  /// A key message without a receipt for so long, at least and at most, goes by the WebSocket too. Within
  /// these bounds it is what the round trip to that device makes of it (as in RFC 6298).
  static constexpr auto shortestWait = base::TimeDelta::millis(300);
  static constexpr auto longestWait = base::TimeDelta::seconds(1);
  /// Without a measurement: so long beyond two round trips to the server.
  static constexpr auto firstWait = base::TimeDelta::millis(300);
  /// A device whose channel has brought nothing is not tried again for so long.
  static constexpr auto rest = base::TimeDelta::seconds(10);
  /// Bytes of key messages that may be on their way without a receipt: what a young SCTP association sends at
  /// once. Past it, in large calls, most would wait for the window to grow, and go by the WebSocket instead.
  /// Half of such a window of 10 packets, as receipts and what others send to us want room, too.
  static constexpr size_t maxUnconfirmed = size_t{6} * 1024;
  /// Receipts are remembered for so long, so many for a device, in case its key message comes again.
  static constexpr auto keepReceipts = base::TimeDelta::seconds(10);
  static constexpr size_t maxReceipts = 8;

  MessageWays(MessageCarrier& carrier, DeviceId self) : carrier_(carrier), self_(std::move(self)) {}

  /// `done` is called for every part that goes by the WebSocket, and never for what the channel brings.
  void send(OutgoingMessage message, std::function<void(SendOutcome)> done, base::Timestamp now);
  /// The device has sent a receipt for this message.
  void arrived(const DeviceId& by, const MessageId& id, base::Timestamp now);

  /// The device, in the roster under this number, has its data channel open, or has it no longer: then what
  /// waits for its receipt goes by the WebSocket at once.
  void reachable(uint16_t sender, const DeviceId& device);
  void unreachable(uint16_t sender, base::Timestamp now);
  /// It has left: nothing is sent to it any more.
  void gone(uint16_t sender);
  /// Our own channel is gone: what waits for a receipt goes by the WebSocket at once.
  void channelLost(base::Timestamp now);

  /// A message was opened: its receipt goes back the way on which it came. `again`: it had been opened
  /// before. When the WebSocket brings what the data channel had brought, the receipt must have been lost on
  /// the channel: it is repeated, as it was.
  void came(const IncomingMessage& message, bool again, base::Timestamp now);

  /// Forgets devices and what is on its way; the counters stay.
  void reset();
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  /// Key messages and receipts, by recipient.
  struct Counters {
    uint64_t sentDirect = 0, sentBySocket = 0;  ///< first choice
    uint64_t fellBack = 0;                      ///< sent again by the WebSocket, without a receipt
    uint64_t receiptsRepeated = 0;
    uint64_t openedDirect = 0, openedBySocket = 0;
    uint64_t repeated = 0;  ///< came once more, by whichever way
  };
  const Counters& counters() const { return counters_; }

 private:
  using Done = std::function<void(SendOutcome)>;
  /// On its way over the data channel.
  struct Unconfirmed {
    OutgoingMessage message;  ///< with one recipient
    Done done;
    size_t bytes = 0;  ///< 0 once it has gone by the WebSocket, too
    base::Timestamp sentAt, due;
    const DeviceId& to() const { return message.recipients.front().to; }
  };
  struct SentReceipt {
    OutgoingMessage message;
    base::Timestamp sentAt;
  };
  struct RoundTrip {
    base::TimeDelta smoothed, variation;
  };

  bool tryDirect(const OutgoingMessage& message, const Envelope& to, const Done& done, base::Timestamp now);
  void repeatReceipts(const DeviceId& to, base::Timestamp now);
  uint16_t senderOf(const DeviceId& device) const;
  base::TimeDelta waitFor(const DeviceId& device) const;
  void measured(const DeviceId& device, base::TimeDelta sample);
  void forget(const DeviceId& device);
  void remember(OutgoingMessage receipt, base::Timestamp now);
  void sendBySocket(OutgoingMessage message, const Done& done, bool whole);
  /// Sends all that is due by the WebSocket: one message for all recipients of the same body.
  void fallBack(base::Timestamp now);

  MessageCarrier& carrier_;
  DeviceId self_;
  std::map<uint16_t, DeviceId> reachable_;
  std::deque<Unconfirmed> unconfirmed_;
  size_t unconfirmedBytes_ = 0;
  std::map<DeviceId, std::deque<SentReceipt>> receipts_;
  std::set<DeviceId> bySocket_;  ///< whose last message came by the WebSocket
  std::map<DeviceId, base::Timestamp> restUntil_;
  std::map<DeviceId, RoundTrip> roundTrips_;
  Counters counters_;
};

}  // namespace sotto::client::e2ee
