// Sealed messages between devices (docs/directory.md): accepted once they are on stable storage, delivered in
// the order of acceptance to the socket that the device has attached, kept until it acknowledges them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "media/base/Random.hpp"
#include "signaling/Clock.hpp"
#include "signaling/Connection.hpp"
#include "signaling/KeyDirectory.hpp"
#include "signaling/KeyMessages.hpp"
#include "signaling/Mailbox.hpp"
#include "signaling/RateLimiter.hpp"
#include "signaling/Settings.hpp"
#include "signaling/storage/Storage.hpp"

namespace sotto::signaling {

class Mailboxes final : public KeyDirectoryListener {
 public:
  template <typename T>
  using Done = std::function<void(Result<T>)>;
  struct None {};
  /// Messages as JSON objects, for HTTP.
  struct Page {
    std::vector<std::string> messages;
    bool more = false;
  };

  /// `now` is the time as last handed to the service. References must outlive the mailboxes.
  Mailboxes(Storage& storage, base::Random& random, MessageLimits limits, const Now& now);

  // Each answers through `done`, once, later or from within.

  void send(const DeviceName& from, SendRequest request, Done<SendResult> done);
  /// Deletes what the device has of messages up to this one.
  void acknowledge(const DeviceName& device, uint64_t upTo, Done<None> done);
  /// What waits for the device after message `after`.
  void list(const DeviceName& device, uint64_t after, Done<Page> done);

  /// The device's messages go to this connection from now on; whichever had them before is told. `done` gets
  /// how many wait, before the first of them is sent.
  void attach(const DeviceName& device, std::shared_ptr<Connection> connection, uint64_t connectionId,
              uint64_t after, Done<size_t> done);
  /// The connection is gone. Nothing happens when another has attached meanwhile.
  void detach(const DeviceName& device, uint64_t connectionId);

  void emptyMailbox(const DeviceName& device, std::function<void(bool)> done) override;
  void onRegistered(const DeviceName& device, bool registered) override;
  void onPreKeysLow(const DeviceName& device, size_t remaining) override;

  /// Deletes what has grown too old.
  void onTime();
  base::Timestamp nextDeadline() const { return nextSweep_; }

  struct Counters {
    uint64_t accepted = 0;      ///< messages stored, each recipient counted
    uint64_t relayed = 0;       ///< messages handed on without being stored
    uint64_t delivered = 0;     ///< stored messages sent to a socket; again after a reconnect
    uint64_t acknowledged = 0;  ///< deleted because their device has them
    uint64_t expired = 0;       ///< sends whose records were deleted for their age
    uint64_t repeated = 0;      ///< sends that had been accepted already
    uint64_t full = 0;          ///< messages refused by a full mailbox
    uint64_t unknown = 0;       ///< messages for devices that are not there
    uint64_t limited = 0;       ///< sends refused for the sender's rate
    uint64_t failed = 0;        ///< sends that the storage could not take
  };
  const Counters& counters() const { return counters_; }
  size_t attached() const { return attached_; }
  size_t loaded() const { return boxes_.size(); }

 private:
  using Box = std::shared_ptr<Mailbox>;
  /// Mailboxes in memory before those that nobody uses are looked for.
  static constexpr size_t forgetFrom = 4096;
  /// A send that waits for mailboxes to be loaded, and for those before it.
  struct Pending {
    DeviceName from;
    SendRequest request;
    Done<SendResult> done;
    std::vector<Box> boxes;
  };
  struct Send;
  struct Reading;

  Box box(const DeviceName& device);
  void whenLoaded(const Box& box, std::function<void(bool)> then);
  void load(const Box& box);
  void loadMessages(const Box& box, uint64_t from);
  void finishLoading(const Box& box, bool loaded);

  std::optional<RequestError> limited(const DeviceName& from, const SendRequest& request);
  void relay(const DeviceName& from, const SendRequest& request, const Done<SendResult>& done);
  bool relayedBefore(const std::string& what);
  void continueSends();
  void place(Pending pending);
  void commitSend(const std::shared_ptr<Send>& send);
  void placed(const std::shared_ptr<Send>& send, CommitResult result);
  void answerRepeated(const std::shared_ptr<Send>& send);

  bool windowHasRoom(const Mailbox& box, const Mailbox::Entry& entry) const;
  void pump(const Box& box);
  void pumped(const Box& box, uint64_t connectionId, const Reading& reading);
  void deliver(Mailbox& box, uint64_t seq, const std::string& record, const std::string& shared);
  using Read = std::function<void(const Reading&)>;
  void read(const Box& box, uint64_t after, size_t count, size_t bytes, Read done);
  void readShared(const std::shared_ptr<Reading>& reading, const Read& done);

  void remove(const Box& box, const std::vector<uint64_t>& seqs, std::function<void(bool)> done);
  void collectShared(const std::string& sharedId);
  void sweep();
  void expire(const StorageEntry& due);

  Storage& storage_;
  base::Random& random_;
  const MessageLimits limits_;
  const Now& now_;
  RateLimiter sends_, senderBytes_;
  std::map<DeviceName, Box> boxes_;
  size_t forgetAt_ = forgetFrom;
  std::deque<Pending> pending_;
  /// (sender, messageId) of messages relayed lately, oldest first: relaying twice would help nobody.
  std::unordered_set<std::string> relayed_;
  std::deque<std::string> relayedOrder_;
  base::Timestamp nextSweep_ = base::Timestamp::plusInfinity();
  size_t attached_ = 0;
  Counters counters_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace sotto::signaling
