// Messages that were opened but not yet shown. Kept with the device's state, under the same lock: a message
// may be acknowledged to the server only when it is here, for the session that opened it cannot open it
// again.
#pragma once

#include <vector>

#include "client/native/e2ee/content/Content.hpp"
#include "client/native/e2ee/keys/DeviceId.hpp"
#include "client/native/e2ee/signal/DeviceStore.hpp"

namespace sotto::client::cli {

struct InboxMessage {
  e2ee::DeviceId from;
  e2ee::MessageId id{};
  uint64_t receivedMs = 0;  ///< Unix time here
  e2ee::Body body;
};

class Inbox {
 public:
  /// Reads what the store has. `store` must outlive the inbox; it is changed with it, and saved by others.
  /// What cannot be read is of another version and is left out.
  explicit Inbox(sotto::e2ee::signal::DeviceStore& store);

  /// Texts, media messages and reactions; other bodies are not kept. The same message twice is one.
  void add(InboxMessage message);
  const std::vector<InboxMessage>& messages() const { return messages_; }
  /// The first one has been shown.
  void removeFirst();

 private:
  void writeMessages();

  sotto::e2ee::signal::DeviceStore& store_;
  std::vector<InboxMessage> messages_;
};

}  // namespace sotto::client::cli
