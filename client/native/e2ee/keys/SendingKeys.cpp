// Our own media key; see the header.
#include "client/native/e2ee/keys/SendingKeys.hpp"

#include <algorithm>
#include <utility>

#include "client/native/e2ee/SuiteCipher.hpp"

namespace sotto::client::e2ee {

namespace {

constexpr uint8_t lastStep = 255;

SecretBytes drawSecret(base::Random& random) {
  SecretBytes secret(MediaKey::secretSize);
  random.fill(secret.writable());
  return secret;
}

}  // namespace

const char* toString(RotationReport::Reason reason) {
  switch (reason) {
    case RotationReport::Reason::First:
      return "first";
    case RotationReport::Reason::Join:
      return "join";
    case RotationReport::Reason::Leave:
      return "leave";
    case RotationReport::Reason::Exhausted:
      return "exhausted";
  }
  return "unknown";
}

bool SendingKeys::Generation::complete() const {
  return std::none_of(holders.begin(), holders.end(),
                      [](const auto& holder) { return holder.second.awaited && !holder.second.receipted; });
}

template <typename Function>
void SendingKeys::eachGeneration(Function function) {
  if (live_) function(*live_);
  if (pending_) function(*pending_);
}

// ---- reports ---------------------------------------------------------------------------------------

RotationReport& SendingKeys::report(RotationReport::Reason reason, const KeyId& key, base::Timestamp now) {
  RotationReport& report = reports_.emplace_back();
  report.number = ++lastRotation_;
  report.reason = reason;
  report.key = key;
  report.drawnAt = report.dueAt = now;
  if (reports_.size() > maxReports) reports_.pop_front();
  return reports_.back();
}

RotationReport* SendingKeys::findReport(uint64_t number) {
  const auto found =
      std::lower_bound(reports_.begin(), reports_.end(), number,
                       [](const RotationReport& report, uint64_t wanted) { return report.number < wanted; });
  return found == reports_.end() || found->number != number ? nullptr : &*found;
}

// ---- sending ---------------------------------------------------------------------------------------

void SendingKeys::send(Generation& generation, const std::vector<DeviceId>& devices) {
  RotationReport* report = findReport(generation.lastRotation);
  std::vector<DeviceId> present, invited;
  for (const DeviceId& device : devices) {
    (recipients_[device] ? present : invited).push_back(device);
    if (report != nullptr) report->receipts.try_emplace(device);
  }
  for (std::vector<DeviceId>* group : {&present, &invited}) {
    if (group->empty()) continue;
    out_.push_back(SendKey{generation.lastRotation, generation.key.clone(), std::move(*group),
                           /*store=*/group == &invited});
  }
}

void SendingKeys::resend(Generation& generation, const DeviceId& device) {
  send(generation, {device});
}

void SendingKeys::retryDue(Generation& generation, base::Timestamp now) {
  for (auto& [device, delivery] : generation.holders) {
    if (now < delivery.retryAt) continue;
    delivery.retryAt = base::Timestamp::plusInfinity();
    if (isRecipient(device) && !delivery.receipted) resend(generation, device);
  }
}

// ---- rotations -------------------------------------------------------------------------------------

void SendingKeys::reset() {
  recipients_.clear();
  live_.reset();
  pending_.reset();
  changes_ = {};
  answered_.clear();
  unreachable_.clear();
}

SendingKeys::Generation::Generation() = default;

void SendingKeys::start(uint16_t sender, base::Timestamp now) {
  RotationReport& first = report(RotationReport::Reason::First, {sender, 0, 0}, now);
  first.liveAt = now;
  live_.emplace();
  live_->key = {{sender, 0, 0}, suite_, drawSecret(random_)};
  live_->firstRotation = live_->lastRotation = first.number;
  std::vector<DeviceId> everybody;
  for (const auto& [device, present] : recipients_) {
    everybody.push_back(device);
    live_->holders[device] = {};
  }
  send(*live_, everybody);
  out_.push_back(UseKey{live_->key.clone()});
  out_.push_back(ForceKeyFrame{});
  out_.push_back(RotationNews{first.number});
}

void SendingKeys::noteChange(base::Timestamp now) {
  changes_.first = std::min(changes_.first, now);
}

void SendingKeys::add(const DeviceId& device, bool present, base::Timestamp now) {
  recipients_[device] = present;
  if (!live_) return;
  // The invited who join leave the list of the invited, before or after: that takes nothing from them.
  const bool heldOn = std::erase_if(changes_.removed, [&](const Removal& removal) {
    return removal.device == device && !removal.wasPresent;
  });
  // It has the newest key all the while (a pending one it gets below): when it goes after all, that must not
  // stay.
  if (heldOn && !pending_) live_->holders[device] = {};
  if (changes_.empty()) changes_ = {};
  if (pending_) {
    // It has sealed nothing yet, so it opens nothing from before.
    pending_->holders[device] = {};
    send(*pending_, {device});
    return;
  }
  changes_.newcomers.insert(device);
  noteChange(now);
}

void SendingKeys::remove(const DeviceId& device, base::Timestamp now) {
  const auto known = recipients_.find(device);
  if (known == recipients_.end()) return;
  const bool wasPresent = known->second;
  recipients_.erase(known);
  answered_.erase(device);
  unreachable_.erase(device);
  changes_.newcomers.erase(device);
  if (!live_) return;
  // Only a device that was sent a key has to be shut out; the pending key counts, for it will be in use.
  Generation& newest = pending_ ? *pending_ : *live_;
  const auto holder = newest.holders.find(device);
  if (holder == newest.holders.end()) {
    if (changes_.empty()) changes_ = {};
    return;
  }
  newest.holders.erase(holder);
  noteChange(now);
  changes_.removed.push_back({device, now, wasPresent});
  if (!pending_) return;
  pending_->liveBy = std::min(pending_->liveBy, now + pendingAfterRemoval);
  if (RotationReport* pending = findReport(pending_->lastRotation)) pending->dueAt = pending_->liveBy;
  if (pending_->complete()) goLive(now);
}

void SendingKeys::rotate(base::Timestamp now) {
  const Changes changes = std::exchange(changes_, {});
  if (!changes.removed.empty() || live_->key.id.step == lastStep) return drawFresh(changes, now);
  ratchet(changes.newcomers, now);
}

void SendingKeys::drawFresh(const Changes& changes, base::Timestamp now) {
  const KeyId before = live_->key.id;
  const KeyId id{before.sender, static_cast<uint8_t>(before.generation + 1), 0};
  RotationReport& report = this->report(
      changes.removed.empty() ? RotationReport::Reason::Exhausted : RotationReport::Reason::Leave, id, now);
  pending_.emplace();
  pending_->key = {id, suite_, drawSecret(random_)};
  pending_->firstRotation = pending_->lastRotation = report.number;
  pending_->liveBy = now + liveWithin;
  for (const Removal& removal : changes.removed) {
    pending_->liveBy = std::min(pending_->liveBy, removal.knownAt + liveWithin);
    report.removed.push_back({removal.device, removal.knownAt});
  }
  report.dueAt = pending_->liveBy;
  std::vector<DeviceId> everybody;
  for (const auto& [device, present] : recipients_) {
    everybody.push_back(device);
    // Who has just come misses nothing by getting the key a little later; who is not there cannot answer.
    pending_->holders[device].awaited =
        present && changes.newcomers.count(device) == 0 && unreachable_.count(device) == 0;
  }
  send(*pending_, everybody);
  out_.push_back(RotationNews{report.number});
  if (pending_->complete()) goLive(now);
}

void SendingKeys::ratchet(const std::set<DeviceId>& newcomers, base::Timestamp now) {
  MediaKey& key = live_->key;
  key.secret = ratchetKey(key.secret.view());
  ++key.id.step;
  RotationReport& report = this->report(RotationReport::Reason::Join, key.id, now);
  report.liveAt = now;
  live_->lastRotation = report.number;
  for (const DeviceId& device : newcomers) live_->holders[device] = {};
  send(*live_, {newcomers.begin(), newcomers.end()});
  out_.push_back(UseKey{key.clone()});
  out_.push_back(ForceKeyFrame{});
  out_.push_back(RotationNews{report.number});
}

void SendingKeys::goLive(base::Timestamp now) {
  live_ = std::move(pending_);
  pending_.reset();
  if (RotationReport* report = findReport(live_->lastRotation)) report->liveAt = now;
  out_.push_back(UseKey{live_->key.clone()});
  out_.push_back(ForceKeyFrame{});
  out_.push_back(RotationNews{live_->lastRotation});
}

// ---- what comes back -------------------------------------------------------------------------------

void SendingKeys::receipt(const DeviceId& device, uint64_t rotation, base::Timestamp now) {
  RotationReport* report = findReport(rotation);
  if (report == nullptr) return;
  const auto sent = report->receipts.find(device);
  if (sent == report->receipts.end()) return;
  if (!sent->second) sent->second = now;
  unreachable_.erase(device);
  eachGeneration([&](Generation& generation) {
    if (rotation < generation.firstRotation || rotation > generation.lastRotation) return;
    const auto holder = generation.holders.find(device);
    if (holder != generation.holders.end()) holder->second.receipted = true;
  });
  if (pending_ && pending_->complete()) goLive(now);
}

void SendingKeys::undelivered(const DeviceId& device, uint64_t rotation, bool forGood, base::Timestamp now) {
  eachGeneration([&](Generation& generation) {
    if (rotation < generation.firstRotation || rotation > generation.lastRotation) return;
    const auto holder = generation.holders.find(device);
    if (holder == generation.holders.end() || holder->second.receipted) return;
    Delivery& delivery = holder->second;
    if (forGood) {
      delivery.awaited = false;
      unreachable_.insert(device);
      return;
    }
    delivery.retryAt = now + delivery.retryAfter;
    delivery.retryAfter = std::min(delivery.retryAfter * 2, longestRetry);
  });
  if (pending_ && pending_->complete()) goLive(now);
}

void SendingKeys::asked(const DeviceId& device, base::Timestamp now) {
  // Who is about to be sent the next step must not get the one before.
  if (changes_.newcomers.count(device) > 0) return;
  const auto recipient = recipients_.find(device);
  if (recipient == recipients_.end() || !recipient->second) return;
  const auto last = answered_.find(device);
  if (last != answered_.end() && now - last->second < answerInterval) return;
  answered_[device] = now;
  eachGeneration([&](Generation& generation) {
    if (generation.holders.count(device) > 0) resend(generation, device);
  });
}

void SendingKeys::back(const DeviceId& device, base::Timestamp /*now*/) {
  if (!isRecipient(device)) return;
  eachGeneration([&](Generation& generation) {
    const auto holder = generation.holders.find(device);
    if (holder != generation.holders.end() && !holder->second.receipted) resend(generation, device);
  });
}

void SendingKeys::onTime(base::Timestamp now) {
  eachGeneration([&](Generation& generation) { retryDue(generation, now); });
  if (pending_ && now >= pending_->liveBy) goLive(now);
  if (!pending_ && !changes_.empty() && now >= changes_.first + coalescing) rotate(now);
}

base::Timestamp SendingKeys::nextDeadline() const {
  base::Timestamp deadline = base::Timestamp::plusInfinity();
  if (pending_) deadline = pending_->liveBy;
  if (!pending_ && !changes_.empty()) deadline = changes_.first + coalescing;
  for (const auto* generation : {&live_, &pending_}) {
    if (!*generation) continue;
    for (const auto& [device, delivery] : (*generation)->holders) {
      deadline = std::min(deadline, delivery.retryAt);
    }
  }
  return deadline;
}

}  // namespace sotto::client::e2ee
