// How messages get into mailboxes: limits, one batch for all recipients of a send, the answer once it is on
// stable storage.
#include <algorithm>
#include <utility>

#include "signaling/Guarded.hpp"
#include "signaling/Identifiers.hpp"
#include "signaling/MailboxRecord.hpp"
#include "signaling/Mailboxes.hpp"

namespace sotto::signaling {
namespace {

/// What a message is counted for beside its sealed parts: names, group, JSON and storage keys.
constexpr size_t messageOverhead = 512;
/// Shared bodies up to this size are stored with each message: less work than keeping them apart.
constexpr size_t smallShared = 2048;
constexpr size_t sharedIdBytes = 16;
/// Relayed messages that are remembered so that a repeated one is not handed on again.
constexpr size_t rememberRelayed = 32768;

RequestError storageFailed() {
  return {ErrorCode::StorageFailed, "the server could not store the message; send it again", 0, {}, {}};
}

size_t countedBytes(const SendRequest& request, const Envelope& envelope) {
  return envelope.body.size() + request.shared.size() + messageOverhead;
}

}  // namespace

/// A send on its way to storage.
struct Mailboxes::Send {
  struct Slot {
    Box box;
    uint64_t seq = 0;
    std::string record;
  };
  DeviceName from;
  SendRequest request;
  Done<SendResult> done;
  std::vector<Slot> slots;
  std::string sharedId;  ///< empty: each message has the shared body in it
  int64_t expiresMs = 0;
  SendResult result;
};

std::optional<RequestError> Mailboxes::limited(const DeviceName& from, const SendRequest& request) {
  const std::string party = from.key('s');
  const auto refuseUntil = [this](const RateLimiter& limiter, const std::string& name, double amount) {
    ++counters_.limited;
    RequestError error{ErrorCode::RateLimited, "this device sends too much; wait", 0, {}, {}};
    error.retryAfter = limiter.secondsUntil(name, amount);
    return error;
  };
  if (!sends_.take(party, now_.monotonic)) return refuseUntil(sends_, party, 1);
  if (!request.store) return std::nullopt;
  double bytes = static_cast<double>(request.shared.size());
  for (const Envelope& envelope : request.recipients) {
    bytes += static_cast<double>(envelope.body.size() + messageOverhead);
  }
  if (!senderBytes_.take(party, now_.monotonic, bytes)) return refuseUntil(senderBytes_, party, bytes);
  return std::nullopt;
}

void Mailboxes::send(const DeviceName& from, SendRequest request, Done<SendResult> done) {
  if (auto error = limited(from, request)) return done(tl::make_unexpected(*std::move(error)));
  if (!request.store) return relay(from, request, done);
  Pending pending{from, std::move(request), std::move(done), {}};
  for (const Envelope& envelope : pending.request.recipients) {
    pending.boxes.push_back(box(envelope.to));
    ++pending.boxes.back()->uses;
  }
  const std::vector<Box> boxes = pending.boxes;
  pending_.push_back(std::move(pending));
  for (const Box& target : boxes) {
    if (target->state == Mailbox::State::Unloaded) load(target);
  }
  continueSends();
}

void Mailboxes::relay(const DeviceName& from, const SendRequest& request, const Done<SendResult>& done) {
  SendResult result;
  const std::string head = messageHead(from, request, now_.unixMs, true);
  for (const Envelope& envelope : request.recipients) {
    const auto found = boxes_.find(envelope.to);
    if (found == boxes_.end() || !found->second->connection) {
      ++counters_.unknown;
      result.unknown.push_back({envelope.to, false});
      continue;
    }
    ++result.accepted;
    if (relayedBefore(from.key('s') + request.messageId + envelope.to.key('m'))) {
      ++counters_.repeated;
      continue;
    }
    ++counters_.relayed;
    found->second->connection->send(messageEvent(writeMessage(head, envelope, {}), 0, "", true));
  }
  done(std::move(result));
}

bool Mailboxes::relayedBefore(const std::string& what) {
  if (!relayed_.insert(what).second) return true;
  relayedOrder_.push_back(what);
  if (relayedOrder_.size() > rememberRelayed) {
    relayed_.erase(relayedOrder_.front());
    relayedOrder_.pop_front();
  }
  return false;
}

/// In the order in which they came, so that two messages to one device never change places.
void Mailboxes::continueSends() {
  while (!pending_.empty()) {
    const auto& boxes = pending_.front().boxes;
    const bool loading = std::any_of(boxes.begin(), boxes.end(), [](const Box& target) {
      return target->state == Mailbox::State::Loading;
    });
    if (loading) return;
    Pending pending = std::move(pending_.front());
    pending_.pop_front();
    place(std::move(pending));
  }
}

void Mailboxes::place(Pending pending) {
  for (const Box& target : pending.boxes) --target->uses;
  const bool loaded = std::all_of(pending.boxes.begin(), pending.boxes.end(),
                                  [](const Box& target) { return target->state == Mailbox::State::Loaded; });
  if (!loaded) {
    ++counters_.failed;
    return pending.done(tl::make_unexpected(storageFailed()));
  }
  auto send = std::make_shared<Send>();
  send->from = std::move(pending.from);
  send->request = std::move(pending.request);
  send->done = std::move(pending.done);
  send->expiresMs = now_.unixMs + limits_.keep.ms();
  std::vector<size_t> accepted;
  for (size_t i = 0; i < pending.boxes.size(); ++i) {
    const Mailbox& target = *pending.boxes[i];
    const size_t bytes = countedBytes(send->request, send->request.recipients[i]);
    const bool full = target.live >= limits_.mailboxMessages || target.bytes + bytes > limits_.mailboxBytes;
    if (target.registered && !full) {
      accepted.push_back(i);
      continue;
    }
    ++(target.registered ? counters_.full : counters_.unknown);
    send->result.unknown.push_back({target.device, target.registered && full});
  }
  send->result.accepted = accepted.size();
  if (accepted.empty()) return send->done(std::move(send->result));
  if (accepted.size() > 1 && send->request.shared.size() > smallShared) {
    send->sharedId = randomHex(random_, sharedIdBytes);
  }
  const std::string head = messageHead(send->from, send->request, now_.unixMs, send->sharedId.empty());
  for (const size_t i : accepted) {
    const Box& target = pending.boxes[i];
    const Envelope& envelope = send->request.recipients[i];
    const MessageFacts facts{send->expiresMs, countedBytes(send->request, envelope), send->sharedId};
    const uint64_t seq = target->nextSeq++;
    target->add(seq, {facts.bytes, facts.expiresMs, facts.sharedId, false, false, false});
    ++target->uses;
    send->slots.push_back({target, seq, writeMessage(head, envelope, facts)});
  }
  commitSend(send);
}

void Mailboxes::commitSend(const std::shared_ptr<Send>& send) {
  StorageBatch batch;
  std::vector<std::string> kept;
  const auto keep = [&](std::string key, std::string value) {
    kept.push_back(key);
    batch.writes.push_back({std::move(key), std::move(value)});
  };
  const std::string sent = sentKey(send->from, send->request.messageId);
  batch.conditions.push_back({sent, 0});
  keep(sent, sendResultJson(send->result));
  if (!send->sharedId.empty()) keep(sharedKey(send->sharedId), send->request.shared);
  for (const Send::Slot& slot : send->slots) {
    const std::string key = messageKey(slot.box->device, slot.seq);
    batch.conditions.push_back({key, 0});
    keep(key, slot.record);
    if (!send->sharedId.empty()) keep(referenceKey(send->sharedId, key), "");
    batch.writes.push_back({nextSeqKey(slot.box->device), numberBytes(slot.seq + 1)});
  }
  const std::string unique = randomHex(random_, sharedIdBytes);
  batch.writes.push_back({expiryKey(send->expiresMs, unique), packKeys(kept)});
  storage_.commit(std::move(batch),
                  guarded(alive_, [this, send](CommitResult result) { placed(send, result); }));
}

void Mailboxes::placed(const std::shared_ptr<Send>& send, CommitResult result) {
  for (const Send::Slot& slot : send->slots) --slot.box->uses;
  if (result != CommitResult::Committed) {
    for (const Send::Slot& slot : send->slots) slot.box->erase(slot.seq);
    if (result == CommitResult::Conflict) return answerRepeated(send);
    // Written or not, nobody knows: what is there is found by looking.
    ++counters_.failed;
    for (const Send::Slot& slot : send->slots) {
      if (slot.box->state == Mailbox::State::Loaded) load(slot.box);
    }
    return send->done(tl::make_unexpected(storageFailed()));
  }
  counters_.accepted += send->slots.size();
  nextSweep_ = std::min(nextSweep_, now_.monotonic + limits_.keep);
  for (const Send::Slot& slot : send->slots) {
    const auto found = slot.box->entries.find(slot.seq);
    if (found != slot.box->entries.end()) found->second.stored = true;
  }
  send->done(std::move(send->result));
  for (const Send::Slot& slot : send->slots) {
    Mailbox& box = *slot.box;
    const auto next = box.after(box.cursor, now_.unixMs);
    // The usual case: the device has had everything before, and need not be read to from storage.
    if (box.connection && !box.reading && next != box.entries.end() && next->first == slot.seq &&
        windowHasRoom(box, next->second)) {
      deliver(box, slot.seq, slot.record, send->sharedId.empty() ? "" : send->request.shared);
    } else {
      pump(slot.box);
    }
  }
}

/// The message was accepted before: it is answered as it was then.
void Mailboxes::answerRepeated(const std::shared_ptr<Send>& send) {
  storage_.get(sentKey(send->from, send->request.messageId), guarded(alive_, [this, send](auto entry) {
                 std::optional<SendResult> before;
                 if (entry && *entry) before = readSendResult((*entry)->value);
                 if (!before) {
                   ++counters_.failed;
                   return send->done(tl::make_unexpected(storageFailed()));
                 }
                 ++counters_.repeated;
                 send->done(*std::move(before));
               }));
}

}  // namespace sotto::signaling
