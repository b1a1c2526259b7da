// What the server has in memory of one device's mailbox: which messages wait and how large they are, and the
// socket that they go to. The messages themselves stay in storage.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "signaling/Connection.hpp"
#include "signaling/DeviceName.hpp"

namespace sotto::signaling {

struct Mailbox {
  struct Entry {
    size_t bytes = 0;
    int64_t expiresMs = 0;
    std::string sharedId;  ///< of the body that it shares with others; empty: none
    bool stored = false;   ///< on stable storage
    bool sent = false;     ///< to the socket that is attached now
    bool gone = false;     ///< acknowledged or dropped; its deletion is under way
  };

  explicit Mailbox(DeviceName name) : device(std::move(name)) {}

  const DeviceName device;
  enum class State : uint8_t { Unloaded, Loading, Loaded };
  State state = State::Unloaded;
  std::vector<std::function<void(bool)>> waiting;  ///< for the loading to end
  bool registered = false;
  /// What the directory said while the loading was under way: newer than what is loaded.
  std::optional<bool> told;
  uint64_t nextSeq = 1;
  std::map<uint64_t, Entry> entries;  ///< by sequence number
  size_t live = 0, bytes = 0;         ///< of the entries that are not gone
  /// Operations under way that hold on to this mailbox.
  size_t uses = 0;

  std::shared_ptr<Connection> connection;  ///< null: nobody is attached
  uint64_t connectionId = 0;
  uint64_t cursor = 0;  ///< everything up to here was sent to the connection, or is known to it
  bool reading = false;
  size_t windowMessages = 0, windowBytes = 0;  ///< sent to the connection and not acknowledged

  /// Whether it may be forgotten: all of it is in storage too.
  bool idle() const { return uses == 0 && state != State::Loading && !connection && !reading; }

  /// The first message after `seq` that is on stable storage and still wanted; entries.end() when none is.
  std::map<uint64_t, Entry>::iterator after(uint64_t seq, int64_t nowMs) {
    auto it = entries.upper_bound(seq);
    while (it != entries.end() && (it->second.gone || it->second.expiresMs <= nowMs)) ++it;
    return it != entries.end() && it->second.stored ? it : entries.end();
  }

  void add(uint64_t seq, Entry entry) {
    ++live;
    bytes += entry.bytes;
    entries.emplace(seq, std::move(entry));
  }
  void markGone(Entry& entry) {
    if (std::exchange(entry.gone, true)) return;
    --live;
    bytes -= entry.bytes;
    if (std::exchange(entry.sent, false)) {
      --windowMessages;
      windowBytes -= entry.bytes;
    }
  }
  void unmarkGone(Entry& entry) {
    if (!std::exchange(entry.gone, false)) return;
    ++live;
    bytes += entry.bytes;
  }
  void markSent(uint64_t seq, Entry& entry) {
    cursor = seq;
    entry.sent = true;
    ++windowMessages;
    windowBytes += entry.bytes;
  }
  void erase(uint64_t seq) {
    const auto found = entries.find(seq);
    if (found == entries.end()) return;
    markGone(found->second);
    entries.erase(found);
  }

  void attach(std::shared_ptr<Connection> to, uint64_t id, uint64_t after) {
    connection = std::move(to);
    connectionId = id;
    cursor = after;
    windowMessages = windowBytes = 0;
    for (auto& [seq, entry] : entries) entry.sent = false;
  }
};

}  // namespace sotto::signaling
