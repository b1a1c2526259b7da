// What was sent lately and to whom, in memory (what must outlive it: MessageLog): a device that could not
// open a message gets it once more, and receipts find their way back to whoever sent the message.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "client/native/e2ee/messenger/MessengerPorts.hpp"

namespace sotto::client::e2ee {

/// One thing to say, to however many devices. The body may hold media keys.
struct Job {
  uint64_t serial = 0;
  uint64_t token = 0;  ///< the sender's, for receipts and failures
  uint32_t purpose = purposeReceipt;
  std::string group;
  SecretBytes body;     ///< padded; empty for receipts
  SecretBytes content;  ///< of a receipt: ready-made
  bool store = true;
};
using JobPointer = std::shared_ptr<const Job>;

class Outbox {
 public:
  /// Kept for each device; the oldest go first.
  static constexpr size_t maxForDevice = 256;

  struct Entry {
    JobPointer job;
    uint32_t session = 0;  ///< the how-manieth session with that device it was sealed in
    bool resent = false;   ///< it was, or it is a resent message itself
  };

  void add(const DeviceId& to, const MessageId& id, Entry entry);
  /// Null when it was never sent to that device, or is forgotten.
  Entry* find(const DeviceId& to, const MessageId& id);
  /// The device has it: forgets the message, gives the job.
  JobPointer receipted(const DeviceId& by, const MessageId& id);
  size_t size() const { return entries_.size(); }

 private:
  using Key = std::pair<DeviceId, MessageId>;
  std::map<Key, Entry> entries_;
  std::map<DeviceId, std::deque<MessageId>> order_;
};

}  // namespace sotto::client::e2ee
