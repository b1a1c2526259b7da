// Messages between devices over an untrusted server (docs/e2ee.md section 3): sessions begun from the
// directory as needed, bodies sealed for one or for many, receipts, and recovery when a side has lost its
// sessions. No I/O and no clock: the directory, the way and the storage are handed in, and so is the time.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "client/native/e2ee/messenger/MessageLog.hpp"
#include "client/native/e2ee/messenger/MessengerPorts.hpp"
#include "client/native/e2ee/messenger/Outbox.hpp"
#include "client/native/e2ee/messenger/RateLimit.hpp"
#include "client/native/e2ee/signal/DeviceStore.hpp"
#include "media/base/Random.hpp"
#include "media/base/Units.hpp"

namespace sotto::client::e2ee {

class Messenger {
 public:
  /// Receipts are gathered for this long, so that those of many messages leave together; acknowledgements to
  /// the server, and what has to be stored before them, too.
  static constexpr auto gatherReceipts = base::TimeDelta::millis(20);
  /// Over the data channel every receipt is a message of its own: there only the storing is shared.
  static constexpr auto gatherDirectReceipts = base::TimeDelta::millis(5);
  /// Recipients whose sessions have just begun are gathered alike: one sealed body for all of them.
  static constexpr auto gatherSessions = base::TimeDelta::millis(30);
  /// A session that a device says it has lost is begun anew at most this often.
  static constexpr size_t maxRecoveries = 3;
  static constexpr auto recoveryPeriod = base::TimeDelta::seconds(3'600);
  /// Error receipts to one device: so many at once, then one each minute.
  static constexpr unsigned errorBurst = 5;
  static constexpr auto errorInterval = base::TimeDelta::seconds(60);
  /// Recipients of one message; for more the body is sealed again. A WebSocket message has 256 KiB.
  static constexpr size_t maxRecipients = 200;
  /// Messages to a device whose identity has changed.
  static constexpr size_t maxHeld = MessageLog::maxHeld;
  /// Ids of messages that were opened lately, for each device: another copy is known without trying it.
  static constexpr size_t maxOpenedIds = 64;

  /// References must outlive the messenger. The store is changed by nobody else meanwhile.
  Messenger(signal::DeviceStore& store, signal::DeviceStorage& storage, DirectoryClient& directory,
            MessageTransport& transport, base::Random& random, MessengerObserver& observer);
  ~Messenger();
  Messenger(const Messenger&) = delete;
  Messenger& operator=(const Messenger&) = delete;

  /// Sends `body` to each of these devices but ourselves. `token` comes back with receipts and failures.
  /// `store`: kept for those that are not connected. Leaves at once where there is a session, else when the
  /// directory has answered.
  void send(const Body& body, const std::vector<DeviceId>& to, uint64_t token, bool store,
            base::Timestamp now);
  void onMessage(IncomingMessage message, base::Timestamp now);
  /// The transport works, for the first time or again: what waits in the store goes out, and is looked at
  /// again.
  void resume(base::Timestamp now);
  /// The user has said yes to the identity that was seen last: held messages go out and are opened.
  void acceptIdentity(const DeviceId& device, base::Timestamp now);
  /// The identity that is waiting for a yes; null when there is none.
  const signal::PublicKey* changedIdentity(const DeviceId& device) const;

  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;
  /// Whether nothing is under way: nothing waits for the directory, for its time, or to be stored.
  bool resting() const;

  signal::DeviceStore& store() { return store_; }

  struct Counters {
    uint64_t sent = 0, sentBytes = 0;  ///< messages handed to the transport; sealed bytes of all envelopes
    uint64_t envelopes = 0;            ///< of those messages
    uint64_t opened = 0, refused = 0, duplicates = 0;
    uint64_t errorsSent = 0, recoveries = 0, resent = 0;
    uint64_t sessionsBegun = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Ready {
    JobPointer job;
    std::vector<DeviceId> to;
    base::Timestamp due;
    bool resend = false;
  };
  struct Waiting {
    JobPointer job;
    bool resend = false;
  };
  /// What the directory has said.
  struct Answer {
    std::string user;
    std::set<std::string> asked;
    DirectoryResult<std::vector<DeviceBundle>> bundles;
  };
  struct PendingReceipt {
    std::vector<MessageId> messages;
    bool store = false;
  };
  using PendingCipher = signal::Pending<signal::CiphertextMessage>;
  /// Sealed, but not yet safe to let out.
  struct Sealed {
    OutgoingMessage message;
    std::vector<std::pair<DeviceId, PendingCipher>> ciphers;
    JobPointer job;  ///< null: receipts
  };

  // ---- sending
  void deliver(const JobPointer& job, const DeviceId& to, bool resend, base::Timestamp due);
  void fetch(const std::string& user);
  void onBundles(const Answer& answer);
  void begin(const DeviceId& device, const signal::PreKeyBundle& bundle);
  void giveUp(const DeviceId& device, Undelivered why);
  void sealReady(base::Timestamp now);
  void seal(const Ready& ready);
  void sealFor(const JobPointer& job, std::span<const DeviceId> to, bool resend);
  void sealReceipts(base::Timestamp now);
  MessageId drawId();
  /// Does all that is due.
  void settle(base::Timestamp now);
  /// Stores what has changed, then lets out what was sealed, then acknowledges. False when it cannot.
  bool save(std::vector<Sealed> sealed, base::Timestamp now);
  void release(Sealed sealed, const signal::StoreReceipt& receipt);
  void onOutcome(const JobPointer& job, const std::vector<DeviceId>& recipients, const SendOutcome& outcome);

  // ---- receiving
  void open(IncomingMessage& message, base::Timestamp now);
  bool hasOpened(const DeviceId& from, const MessageId& id) const;
  void onContent(const IncomingMessage& message, base::ByteView plaintext, base::Timestamp now);
  void onShared(const IncomingMessage& message, const SharedKey& shared, base::Timestamp now);
  void onBody(const IncomingMessage& message, Body& body, base::Timestamp now);
  void onReceipt(const DeviceId& from, const Receipt& receipt);
  void onRefused(IncomingMessage& message, signal::SignalError error, base::Timestamp now);
  void onErrorReceipt(const DeviceId& from, const ErrorReceipt& receipt, base::Timestamp now);
  void sendError(const IncomingMessage& message, ErrorReceipt::Reason reason, base::Timestamp now);
  void holdIncoming(IncomingMessage message);
  void identityChanged(const DeviceId& device, const signal::PublicKey& now);

  signal::DeviceStore& store_;
  signal::DeviceStorage& storage_;
  DirectoryClient& directory_;
  MessageTransport& transport_;
  base::Random& random_;
  MessengerObserver& observer_;

  uint64_t lastSerial_ = 0;
  uint64_t savedRevision_;
  base::Timestamp now_;  ///< of the call that is being worked on
  bool working_ = false;
  std::vector<Ready> ready_;
  std::map<DeviceId, std::vector<Waiting>> waiting_;       ///< for a session
  std::map<std::string, std::set<std::string>> fetching_;  ///< user -> devices asked for
  std::vector<Answer> answers_;
  std::map<DeviceId, PendingReceipt> receipts_;
  base::Timestamp receiptsDue_ = base::Timestamp::plusInfinity();
  std::vector<Sealed> sealed_;
  std::vector<OutgoingMessage> errors_;
  uint64_t acknowledge_ = 0;
  base::Timestamp saveDue_ = base::Timestamp::plusInfinity();

  MessageLog log_;
  Outbox outbox_;
  std::map<DeviceId, uint32_t> sessions_;  ///< how many were begun by us
  std::map<DeviceId, PeriodLimit> recoveries_;
  std::map<DeviceId, RateLimit> errorLimits_;
  std::set<std::pair<DeviceId, MessageId>> errorsSent_;
  std::map<DeviceId, std::deque<MessageId>> openedIds_;
  std::map<DeviceId, signal::PublicKey> changed_;
  std::map<DeviceId, std::vector<Waiting>> heldOut_;
  Counters counters_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace sotto::client::e2ee
