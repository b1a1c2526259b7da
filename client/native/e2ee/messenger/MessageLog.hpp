// What a messenger must not forget when its process ends: texts and the like that were sent and not
// acknowledged yet, among them those that have to go out once more, and sealed messages of devices whose
// identity has changed. It lies with the device's state, under the same lock, and is stored with it. Media
// keys never get there: they must not outlive their call.
#pragma once

#include <utility>
#include <vector>

#include "client/native/e2ee/messenger/Outbox.hpp"
#include "client/native/e2ee/signal/DeviceStore.hpp"

namespace sotto::client::e2ee {

class MessageLog {
 public:
  /// Messages sent; the oldest go first.
  static constexpr size_t maxSent = 64;
  /// Sealed messages that wait for the user's yes; the oldest go first.
  static constexpr size_t maxHeld = 256;

  enum class State : uint8_t {
    Sent,
    Again,      ///< could not be opened: to be sent once more
    SentAgain,  ///< once more, and not a third time
  };
  struct Sent {
    DeviceId to;
    MessageId id{};
    State state = State::Sent;
    JobPointer job;
    bool underWay = false;  ///< somebody sees to it (Again)
  };

  /// Reads what the store has; `store` must outlive the log, and is saved by others. What cannot be read is
  /// of another version and is left out.
  explicit MessageLog(signal::DeviceStore& store);

  /// Sealed, and about to leave. `again`: as the second try of the same job.
  void sent(const DeviceId& to, const MessageId& id, const JobPointer& job, bool again);
  /// The device has it.
  void receipted(const DeviceId& by, const MessageId& id);
  /// The device could not open it. Whoever says so sees to it that it goes out again.
  void sendAgain(const DeviceId& to, const MessageId& id);
  /// A job has not left for this device after all. A second try is left for later; of a first one the sender
  /// is told.
  void failed(const DeviceId& to, const JobPointer& job);
  /// It never will.
  void giveUp(const DeviceId& to, const JobPointer& job);
  /// All that has to go out again and that nobody sees to; now it is seen to.
  std::vector<std::pair<DeviceId, JobPointer>> takeWaiting();
  const std::vector<Sent>& entries() const { return sent_; }

  /// Keeps a sealed message; one that may hold a media key in memory alone.
  void hold(IncomingMessage message);
  std::vector<IncomingMessage> takeHeld();
  std::vector<IncomingMessage> takeHeld(const DeviceId& from);
  size_t heldCount() const { return held_.size(); }

  /// Whether something has changed since it was written.
  bool changed() const { return sentChanged_ || heldChanged_; }
  /// Into the store: to be called before that is saved.
  void write();

 private:
  void readSent();
  void readHeld();
  void writeSent();
  void writeHeld();

  signal::DeviceStore& store_;
  std::vector<Sent> sent_;
  std::vector<IncomingMessage> held_;
  bool sentChanged_ = false, heldChanged_ = false;
};

}  // namespace sotto::client::e2ee
