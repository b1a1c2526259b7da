// Loading, attaching, acknowledging, deleting. Sending is in MailboxSend.cpp, delivery in
// MailboxDelivery.cpp.
#include "signaling/Mailboxes.hpp"

#include <algorithm>
#include <utility>

#include "signaling/Guarded.hpp"
#include "signaling/KeyRecord.hpp"
#include "signaling/MailboxRecord.hpp"

namespace sotto::signaling {
namespace {

/// Messages that are read at once while a mailbox is loaded: they may be large.
constexpr size_t loadMessagesAtOnce = 64;
/// Sends whose records are deleted in one turn of the sweep.
constexpr size_t sweepAtOnce = 64;
/// The wall clock may be set: look again at least this often while anything is kept, and not all the time.
constexpr base::TimeDelta longestSweepPause = base::TimeDelta::seconds(3600);
constexpr base::TimeDelta shortestSweepPause = base::TimeDelta::seconds(1);

RequestError storageFailed() {
  return {ErrorCode::StorageFailed, "the server could not read or write its storage; try again", 0, {}, {}};
}

}  // namespace

Mailboxes::Mailboxes(Storage& storage, base::Random& random, MessageLimits limits, const Now& now)
    : storage_(storage),
      random_(random),
      limits_(limits),
      now_(now),
      sends_(limits.sends),
      senderBytes_(limits.senderBytes) {
  sweep();
}

Mailboxes::Box Mailboxes::box(const DeviceName& device) {
  const auto found = boxes_.find(device);
  if (found != boxes_.end()) return found->second;
  if (boxes_.size() >= forgetAt_) {
    std::erase_if(boxes_, [](const auto& entry) { return entry.second->idle(); });
    forgetAt_ = std::max(forgetFrom, boxes_.size() * 2);
  }
  return boxes_.emplace(device, std::make_shared<Mailbox>(device)).first->second;
}

void Mailboxes::whenLoaded(const Box& box, std::function<void(bool)> then) {
  if (box->state == Mailbox::State::Loaded) return then(true);
  box->waiting.push_back(std::move(then));
  if (box->state == Mailbox::State::Unloaded) load(box);
}

/// Also of a mailbox that is loaded, when it is not known what became of a write: what is found is added.
void Mailboxes::load(const Box& box) {
  box->state = Mailbox::State::Loading;
  box->told.reset();
  storage_.get(recordKey(box->device), guarded(alive_, [this, box](auto record) {
                 if (!record) return finishLoading(box, false);
                 box->registered = box->told.value_or(record->has_value());
                 storage_.get(nextSeqKey(box->device), guarded(alive_, [this, box](auto next) {
                                if (!next) return finishLoading(box, false);
                                if (*next) box->nextSeq = std::max(box->nextSeq, numberOf((*next)->value));
                                loadMessages(box, 0);
                              }));
               }));
}

void Mailboxes::loadMessages(const Box& box, uint64_t from) {
  storage_.scan(
      messageKey(box->device, from), pastPrefix(box->device.key('m')), loadMessagesAtOnce,
      guarded(alive_, [this, box](auto entries) {
        if (!entries) return finishLoading(box, false);
        uint64_t last = 0;
        for (const StorageEntry& entry : *entries) {
          const auto parsed = parseMessageKey(entry.key);
          if (!parsed) continue;
          last = parsed->second;
          box->nextSeq = std::max(box->nextSeq, last + 1);
          if (box->entries.contains(last)) continue;
          MessageFacts facts = readMessageFacts(entry.value);
          box->add(last, {facts.bytes, facts.expiresMs, std::move(facts.sharedId), true, false, false});
        }
        if (entries->size() < loadMessagesAtOnce) return finishLoading(box, true);
        loadMessages(box, last + 1);
      }));
}

void Mailboxes::finishLoading(const Box& box, bool loaded) {
  box->state = loaded ? Mailbox::State::Loaded : Mailbox::State::Unloaded;
  if (box->told) box->registered = *box->told;
  for (const auto& then : std::exchange(box->waiting, {})) then(loaded);
  if (loaded) pump(box);
  continueSends();
}

void Mailboxes::attach(const DeviceName& device, std::shared_ptr<Connection> connection,
                       uint64_t connectionId, uint64_t after, Done<size_t> done) {
  const Box target = box(device);
  whenLoaded(target, [this, target, connection = std::move(connection), connectionId, after,
                      done = std::move(done)](bool loaded) {
    if (!loaded) return done(tl::make_unexpected(storageFailed()));
    if (!target->connection) {
      ++attached_;
    } else if (target->connectionId != connectionId) {
      target->connection->send(detachedEvent());
    }
    // A number that was never given here comes from another life of this server's storage.
    target->attach(connection, connectionId, after < target->nextSeq ? after : 0);
    size_t pending = 0;
    for (auto it = target->after(target->cursor, now_.unixMs); it != target->entries.end();
         it = target->after(it->first, now_.unixMs)) {
      ++pending;
    }
    done(pending);
    pump(target);
  });
}

void Mailboxes::detach(const DeviceName& device, uint64_t connectionId) {
  const auto found = boxes_.find(device);
  if (found == boxes_.end() || !found->second->connection) return;
  if (found->second->connectionId != connectionId) return;
  found->second->connection.reset();
  --attached_;
}

void Mailboxes::acknowledge(const DeviceName& device, uint64_t upTo, Done<None> done) {
  const Box target = box(device);
  whenLoaded(target, [this, target, upTo, done = std::move(done)](bool loaded) {
    if (!loaded) return done(tl::make_unexpected(storageFailed()));
    std::vector<uint64_t> seqs;
    for (const auto& [seq, entry] : target->entries) {
      if (seq > upTo) break;
      if (entry.stored && !entry.gone) seqs.push_back(seq);
    }
    remove(target, seqs, [this, count = seqs.size(), done](bool removed) {
      if (!removed) return done(tl::make_unexpected(storageFailed()));
      counters_.acknowledged += count;
      done(None{});
    });
    pump(target);
  });
}

void Mailboxes::emptyMailbox(const DeviceName& device, std::function<void(bool)> done) {
  const Box target = box(device);
  whenLoaded(target, [this, target, done = std::move(done)](bool loaded) {
    if (!loaded) return done(false);
    // What is being stored right now goes too: its batch is in the queue before ours.
    std::vector<uint64_t> seqs;
    for (const auto& [seq, entry] : target->entries) {
      if (!entry.gone) seqs.push_back(seq);
    }
    remove(target, seqs, done);
  });
}

/// From here on nobody is given these messages; they are forgotten once they are gone from storage.
void Mailboxes::remove(const Box& box, const std::vector<uint64_t>& seqs, std::function<void(bool)> done) {
  if (seqs.empty()) return done(true);
  StorageBatch batch;
  std::vector<std::string> shared;
  for (const uint64_t seq : seqs) {
    Mailbox::Entry& entry = box->entries.at(seq);
    box->markGone(entry);
    batch.writes.push_back({messageKey(box->device, seq), std::nullopt});
    if (entry.sharedId.empty()) continue;
    batch.writes.push_back({referenceKey(entry.sharedId, messageKey(box->device, seq)), std::nullopt});
    shared.push_back(entry.sharedId);
  }
  ++box->uses;
  storage_.commit(std::move(batch), guarded(alive_, [this, box, seqs, shared = std::move(shared),
                                                     done = std::move(done)](CommitResult result) {
                    --box->uses;
                    const bool removed = result == CommitResult::Committed;
                    for (const uint64_t seq : seqs) {
                      const auto found = box->entries.find(seq);
                      if (found == box->entries.end()) continue;
                      if (removed) {
                        box->erase(seq);
                      } else {
                        box->unmarkGone(found->second);
                      }
                    }
                    if (removed) {
                      for (const std::string& id : shared) collectShared(id);
                    }
                    done(removed);
                  }));
}

/// Deletes a shared body that no message refers to any more. References are only ever made with the body, so
/// none comes back once there is none.
void Mailboxes::collectShared(const std::string& sharedId) {
  const std::string from = referenceKey(sharedId, "");
  storage_.scan(from, from + 'n', 1, guarded(alive_, [this, sharedId](auto references) {
                  if (!references || !references->empty()) return;
                  StorageBatch batch;
                  batch.writes.push_back({sharedKey(sharedId), std::nullopt});
                  storage_.commit(std::move(batch), [](CommitResult) {});
                }));
}

void Mailboxes::onRegistered(const DeviceName& device, bool registered) {
  const auto found = boxes_.find(device);
  if (found == boxes_.end()) return;
  found->second->registered = registered;
  if (found->second->state == Mailbox::State::Loading) found->second->told = registered;
}

void Mailboxes::onPreKeysLow(const DeviceName& device, size_t remaining) {
  const auto found = boxes_.find(device);
  if (found == boxes_.end() || !found->second->connection) return;
  found->second->connection->send(preKeysLowEvent(remaining));
}

void Mailboxes::onTime() {
  if (now_.monotonic < nextSweep_) return;
  nextSweep_ = base::Timestamp::plusInfinity();
  sweep();
}

/// Deletes what is due and finds out when to look again. While it runs no time is set.
void Mailboxes::sweep() {
  storage_.scan("x", "y", sweepAtOnce, guarded(alive_, [this](auto entries) {
                  const size_t timeBytes = sizeof(int64_t);
                  bool more = entries && entries->size() == sweepAtOnce;
                  if (!entries) nextSweep_ = now_.monotonic + longestSweepPause;
                  for (size_t i = 0; entries && i < entries->size(); ++i) {
                    const StorageEntry& entry = (*entries)[i];
                    const auto expires =
                        static_cast<int64_t>(numberOf(std::string_view(entry.key).substr(1, timeBytes)));
                    if (expires > now_.unixMs) {
                      const auto pause = base::TimeDelta::millis(expires - now_.unixMs);
                      nextSweep_ = now_.monotonic + std::clamp(pause, shortestSweepPause, longestSweepPause);
                      more = false;
                      break;
                    }
                    expire(entry);
                  }
                  // The scan comes after the deletions in the storage's queue.
                  if (more) sweep();
                }));
}

void Mailboxes::expire(const StorageEntry& due) {
  const std::vector<std::string> keys = unpackKeys(due.value);
  StorageBatch batch;
  for (const std::string& key : keys) batch.writes.push_back({key, std::nullopt});
  batch.writes.push_back({due.key, std::nullopt});
  storage_.commit(std::move(batch), guarded(alive_, [this, keys](CommitResult result) {
                    if (result != CommitResult::Committed) return;
                    ++counters_.expired;
                    for (const std::string& key : keys) {
                      const auto message = parseMessageKey(key);
                      if (!message) continue;
                      const auto found = boxes_.find(message->first);
                      if (found != boxes_.end()) found->second->erase(message->second);
                    }
                  }));
}

}  // namespace sotto::signaling
