// What was sent lately, kept with the device's state: a device that has lost its sessions says so when the
// process that sent the message is long gone. A media key never gets here.
#pragma once

#include <optional>
#include <vector>

#include "client/native/e2ee/content/Content.hpp"
#include "client/native/e2ee/keys/DeviceId.hpp"
#include "client/native/e2ee/signal/DeviceStore.hpp"

namespace sotto::client::cli {

class SentLog {
 public:
  /// The oldest go first.
  static constexpr size_t maxEntries = 32;

  /// Reads what the store has; `store` must outlive the log and is saved by others.
  explicit SentLog(sotto::e2ee::signal::DeviceStore& store);

  /// Texts, media messages and reactions; other bodies are not kept.
  void add(const e2ee::DeviceId& to, const e2ee::MessageId& id, const e2ee::Body& body);
  /// The body that went to this device under this id; it is forgotten with that, so that it goes out a second
  /// time at most.
  std::optional<e2ee::Body> take(const e2ee::DeviceId& to, const e2ee::MessageId& id);
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    e2ee::DeviceId to;
    e2ee::MessageId id{};
    e2ee::SecretBytes body;  ///< padded
  };
  void write();

  sotto::e2ee::signal::DeviceStore& store_;
  std::vector<Entry> entries_;
};

}  // namespace sotto::client::cli
