// The choice between data channel and WebSocket; see the header.
#include "client/native/e2ee/messenger/MessageWays.hpp"

#include <algorithm>
#include <utility>

#include "client/native/e2ee/messenger/DirectMessage.hpp"

namespace sotto::client::e2ee {

using base::TimeDelta;
using base::Timestamp;

namespace {

/// Media keys and the receipts for them. Requests for a key are for when something went wrong, so they do not
/// depend on the channel; nor do error receipts.
bool mayGoDirect(const OutgoingMessage& message) {
  return !message.store && message.purpose <= static_cast<uint32_t>(Purpose::MediaKey);
}

/// `message` for one recipient alone.
OutgoingMessage partFor(const OutgoingMessage& message, const Envelope& to) {
  OutgoingMessage part;
  part.id = message.id;
  part.purpose = message.purpose;
  part.group = message.group;
  part.shared = message.shared;
  part.recipients.push_back(to);
  part.store = message.store;
  return part;
}

TimeDelta distance(TimeDelta a, TimeDelta b) {
  return a < b ? b - a : a - b;
}

}  // namespace

// ---- sending -----------------------------------------------------------------------------------------

void MessageWays::send(OutgoingMessage message, Done done, Timestamp now) {
  if (!mayGoDirect(message)) return carrier_.sendBySocket(std::move(message), std::move(done));
  const size_t all = message.recipients.size();
  // When not all of a large call can be reached this way, everybody begins with those who come next after it:
  // so nobody is sent more keys at once than it sends.
  auto& recipients = message.recipients;
  std::sort(recipients.begin(), recipients.end(), [this](const Envelope& a, const Envelope& b) {
    return std::make_pair(a.to < self_, a.to) < std::make_pair(b.to < self_, b.to);
  });
  std::vector<Envelope> others;
  for (Envelope& to : message.recipients) {
    if (!tryDirect(message, to, done, now)) others.push_back(std::move(to));
  }
  counters_.sentDirect += all - others.size();
  counters_.sentBySocket += others.size();
  if (others.empty()) return;
  message.recipients = std::move(others);
  const bool whole = message.recipients.size() == all;
  sendBySocket(std::move(message), done, whole);
}

bool MessageWays::tryDirect(const OutgoingMessage& message, const Envelope& to, const Done& done,
                            Timestamp now) {
  const uint16_t sender = senderOf(to.to);
  if (sender == 0) return false;
  const bool receipt = message.purpose == purposeReceipt;
  if (receipt && bySocket_.count(to.to) > 0) return false;
  const auto resting = restUntil_.find(to.to);
  if (resting != restUntil_.end() && now < resting->second) return false;
  const std::vector<uint8_t> payload = encodeDirect(message, to);
  if (payload.empty() || (!receipt && unconfirmedBytes_ + payload.size() > maxUnconfirmed)) return false;
  if (!carrier_.sendDirect(sender, payload)) return false;
  if (receipt) {
    remember(partFor(message, to), now);
  } else {
    unconfirmedBytes_ += payload.size();
    unconfirmed_.push_back({partFor(message, to), done, payload.size(), now, now + waitFor(to.to)});
  }
  return true;
}

void MessageWays::sendBySocket(OutgoingMessage message, const Done& done, bool whole) {
  if (whole) return carrier_.sendBySocket(std::move(message), done);
  std::vector<DeviceId> recipients;
  for (const Envelope& to : message.recipients) recipients.push_back(to.to);
  // That nothing was accepted is true of these recipients only.
  carrier_.sendBySocket(std::move(message),
                        [done, recipients = std::move(recipients)](const SendOutcome& outcome) {
                          done(outcome.error ? SendOutcome{{}, recipients, {}} : outcome);
                        });
}

void MessageWays::remember(OutgoingMessage receipt, Timestamp now) {
  std::deque<SentReceipt>& sent = receipts_[receipt.recipients.front().to];
  if (sent.size() >= maxReceipts) sent.pop_front();
  sent.push_back({std::move(receipt), now});
}

// ---- what comes back ---------------------------------------------------------------------------------

void MessageWays::arrived(const DeviceId& by, const MessageId& id, Timestamp now) {
  const auto found = std::find_if(unconfirmed_.begin(), unconfirmed_.end(), [&](const Unconfirmed& each) {
    return each.message.id == id && each.to() == by;
  });
  if (found == unconfirmed_.end()) return;
  // After a copy by the WebSocket it is at most this.
  measured(by, now - found->sentAt);
  unconfirmedBytes_ -= found->bytes;
  unconfirmed_.erase(found);
}

TimeDelta MessageWays::waitFor(const DeviceId& device) const {
  const auto known = roundTrips_.find(device);
  const TimeDelta wait = known == roundTrips_.end() ? carrier_.roundTrip() * 2 + firstWait
                                                    : known->second.smoothed + known->second.variation * 4;
  return std::clamp(wait, shortestWait, longestWait);
}

void MessageWays::measured(const DeviceId& device, TimeDelta sample) {
  const auto [known, first] = roundTrips_.try_emplace(device, RoundTrip{sample, sample / 2});
  if (first) return;
  RoundTrip& trip = known->second;
  trip.variation = (trip.variation * 3 + distance(trip.smoothed, sample)) / 4;
  trip.smoothed = (trip.smoothed * 7 + sample) / 8;
}

void MessageWays::came(const IncomingMessage& message, bool again, Timestamp now) {
  const bool keyTraffic = message.seq == 0 && message.purpose <= static_cast<uint32_t>(Purpose::MediaKey);
  if (!keyTraffic) return;
  ++(again ? counters_.repeated : message.direct ? counters_.openedDirect : counters_.openedBySocket);
  if (message.direct) {
    if (!again) bySocket_.erase(message.from);
    return;
  }
  bySocket_.insert(message.from);
  if (again) repeatReceipts(message.from, now);
}

void MessageWays::repeatReceipts(const DeviceId& to, Timestamp now) {
  auto sent = receipts_.extract(to);
  if (sent.empty()) return;
  for (SentReceipt& receipt : sent.mapped()) {
    if (now - receipt.sentAt >= keepReceipts) continue;
    ++counters_.receiptsRepeated;
    carrier_.sendBySocket(std::move(receipt.message), [](const SendOutcome&) {});
  }
}

// ---- who can be reached ------------------------------------------------------------------------------

uint16_t MessageWays::senderOf(const DeviceId& device) const {
  // A device that has joined anew is there twice for a moment: the higher number is the newer one.
  uint16_t sender = 0;
  for (const auto& [number, other] : reachable_) {
    if (other == device) sender = number;
  }
  return sender;
}

void MessageWays::reachable(uint16_t sender, const DeviceId& device) {
  const auto [known, fresh] = reachable_.insert_or_assign(sender, device);
  (void)known;
  if (fresh) restUntil_.erase(device);
}

void MessageWays::unreachable(uint16_t sender, Timestamp now) {
  const auto gone = reachable_.extract(sender);
  if (gone.empty()) return;
  for (Unconfirmed& each : unconfirmed_) {
    if (each.bytes > 0 && each.to() == gone.mapped()) each.due = now;
  }
}

void MessageWays::gone(uint16_t sender) {
  const auto gone = reachable_.extract(sender);
  if (!gone.empty() && senderOf(gone.mapped()) == 0) forget(gone.mapped());
}

void MessageWays::forget(const DeviceId& device) {
  std::erase_if(unconfirmed_, [&](const Unconfirmed& each) {
    if (each.to() != device) return false;
    unconfirmedBytes_ -= each.bytes;
    return true;
  });
  receipts_.erase(device);
  bySocket_.erase(device);
  restUntil_.erase(device);
  roundTrips_.erase(device);
}

void MessageWays::channelLost(Timestamp now) {
  for (Unconfirmed& each : unconfirmed_) {
    if (each.bytes > 0) each.due = now;
  }
  fallBack(now);
  restUntil_.clear();  // it was no fault of theirs
}

void MessageWays::reset() {
  reachable_.clear();
  unconfirmed_.clear();
  unconfirmedBytes_ = 0;
  receipts_.clear();
  bySocket_.clear();
  restUntil_.clear();
  roundTrips_.clear();
}

// ---- time --------------------------------------------------------------------------------------------

void MessageWays::fallBack(Timestamp now) {
  std::erase_if(unconfirmed_,
                [&](const Unconfirmed& each) { return each.bytes == 0 && now - each.sentAt >= rest; });
  std::vector<std::pair<OutgoingMessage, Done>> due;
  for (Unconfirmed& each : unconfirmed_) {
    if (now < each.due) continue;
    ++counters_.fellBack;
    unconfirmedBytes_ -= std::exchange(each.bytes, 0);
    each.due = Timestamp::plusInfinity();
    restUntil_[each.to()] = now + rest;
    const auto same = std::find_if(due.begin(), due.end(),
                                   [&](const auto& message) { return message.first.id == each.message.id; });
    if (same == due.end()) {
      due.emplace_back(partFor(each.message, each.message.recipients.front()), each.done);
    } else {
      same->first.recipients.push_back(each.message.recipients.front());
    }
  }
  for (auto& [message, done] : due) sendBySocket(std::move(message), done, /*whole=*/false);
}

void MessageWays::onTime(Timestamp now) {
  if (now >= nextDeadline()) fallBack(now);
}

Timestamp MessageWays::nextDeadline() const {
  Timestamp deadline = Timestamp::plusInfinity();
  for (const Unconfirmed& each : unconfirmed_) deadline = std::min(deadline, each.due);
  return deadline;
}

}  // namespace sotto::client::e2ee
