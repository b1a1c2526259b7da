// How messages get out of mailboxes: pushed to the attached socket as far as its window goes, or read page by
// page.
#include <algorithm>
#include <utility>

#include "signaling/Guarded.hpp"
#include "signaling/MailboxRecord.hpp"
#include "signaling/Mailboxes.hpp"

namespace sotto::signaling {
namespace {

/// One answer to GET /messages.
constexpr size_t pageMessages = 100;
constexpr size_t pageBytes = size_t{1024} * 1024;

}  // namespace

/// Messages on their way from storage.
struct Mailboxes::Reading {
  Box box;
  std::vector<uint64_t> seqs;  ///< wanted, in order
  bool more = false;           ///< there are others after these
  bool failed = false;
  struct Message {
    uint64_t seq = 0;
    std::string record, sharedId;
  };
  std::vector<Message> messages;
  std::map<std::string, std::string> shared;
  size_t loading = 0;

  /// Empty when the message has none, or has it in itself.
  std::string sharedOf(const Message& message) const {
    const auto found = shared.find(message.sharedId);
    return found == shared.end() ? std::string() : found->second;
  }
};

/// Reads messages after `after`: at most so many and so many bytes, but one at least where there is one.
void Mailboxes::read(const Box& box, uint64_t after, size_t count, size_t bytes, Read done) {
  auto reading = std::make_shared<Reading>();
  reading->box = box;
  size_t sum = 0;
  auto it = box->after(after, now_.unixMs);
  for (; it != box->entries.end(); it = box->after(it->first, now_.unixMs)) {
    sum += it->second.bytes;
    if (reading->seqs.size() == count || (sum > bytes && !reading->seqs.empty())) break;
    reading->seqs.push_back(it->first);
  }
  reading->more = it != box->entries.end();
  if (reading->seqs.empty()) return done(*reading);
  const uint64_t first = reading->seqs.front();
  const uint64_t last = reading->seqs.back();
  // All that may lie between, deleted ones included that are not yet gone.
  const auto between = std::distance(box->entries.lower_bound(first), box->entries.upper_bound(last));
  storage_.scan(
      messageKey(box->device, first), messageKey(box->device, last + 1), static_cast<size_t>(between),
      guarded(alive_, [this, reading, done = std::move(done)](auto entries) {
        reading->failed = !entries;
        for (size_t i = 0; entries && i < entries->size(); ++i) {
          StorageEntry& entry = (*entries)[i];
          const auto parsed = parseMessageKey(entry.key);
          const bool wanted =
              parsed && std::binary_search(reading->seqs.begin(), reading->seqs.end(), parsed->second);
          if (!wanted) continue;
          const MessageFacts facts = readMessageFacts(entry.value);
          if (!facts.sharedId.empty()) reading->shared[facts.sharedId];
          reading->messages.push_back({parsed->second, std::move(entry.value), facts.sharedId});
        }
        readShared(reading, done);
      }));
}

void Mailboxes::readShared(const std::shared_ptr<Reading>& reading, const Read& done) {
  reading->loading = reading->shared.size();
  if (reading->loading == 0) return done(*reading);
  for (const auto& [id, body] : reading->shared) {
    storage_.get(sharedKey(id), guarded(alive_, [reading, done, id = id](auto entry) {
                   if (!entry) {
                     reading->failed = true;
                   } else if (*entry) {
                     reading->shared[id] = std::move((*entry)->value);
                   }
                   if (--reading->loading == 0) done(*reading);
                 }));
  }
}

void Mailboxes::list(const DeviceName& device, uint64_t after, Done<Page> done) {
  const Box target = box(device);
  whenLoaded(target, [this, target, after, done = std::move(done)](bool loaded) {
    const RequestError failed{
        ErrorCode::StorageFailed, "the server could not read its storage; try again", 0, {}, {}};
    if (!loaded) return done(tl::make_unexpected(failed));
    ++target->uses;
    read(target, after < target->nextSeq ? after : 0, pageMessages, pageBytes,
         [target, done, failed](const Reading& reading) {
           --target->uses;
           if (reading.failed) return done(tl::make_unexpected(failed));
           Page page;
           page.more = reading.more;
           for (const auto& message : reading.messages) {
             page.messages.push_back(
                 messageEvent(message.record, message.seq, reading.sharedOf(message), false));
           }
           done(std::move(page));
         });
  });
}

bool Mailboxes::windowHasRoom(const Mailbox& box, const Mailbox::Entry& entry) const {
  if (box.windowMessages == 0) return true;
  return box.windowMessages < limits_.windowMessages && box.windowBytes + entry.bytes <= limits_.windowBytes;
}

/// Sends what the window has room for. Called whenever something has changed that may let it go on.
void Mailboxes::pump(const Box& box) {
  if (!box->connection || box->reading || box->state != Mailbox::State::Loaded) return;
  const auto next = box->after(box->cursor, now_.unixMs);
  if (next == box->entries.end() || !windowHasRoom(*box, next->second)) return;
  const size_t count =
      std::max<size_t>(1, limits_.windowMessages - std::min(limits_.windowMessages, box->windowMessages));
  const size_t bytes = limits_.windowBytes - std::min(limits_.windowBytes, box->windowBytes);
  box->reading = true;
  read(box, box->cursor, count, bytes, [this, box, id = box->connectionId](const Reading& reading) {
    box->reading = false;
    pumped(box, id, reading);
  });
}

void Mailboxes::pumped(const Box& box, uint64_t connectionId, const Reading& reading) {
  // The next event of this mailbox tries again; a storage that fails is not asked over and over.
  if (reading.failed) return;
  if (box->connection && box->connectionId == connectionId) {
    for (const auto& message : reading.messages) {
      const auto found = box->entries.find(message.seq);
      if (found == box->entries.end() || found->second.gone || message.seq <= box->cursor) continue;
      deliver(*box, message.seq, message.record, reading.sharedOf(message));
    }
    // What was to be there and was not must not be asked for for ever.
    box->cursor = std::max(box->cursor, reading.seqs.back());
  }
  pump(box);
}

void Mailboxes::deliver(Mailbox& box, uint64_t seq, const std::string& record, const std::string& shared) {
  box.markSent(seq, box.entries.at(seq));
  ++counters_.delivered;
  box.connection->send(messageEvent(record, seq, shared, true));
}

}  // namespace sotto::signaling
