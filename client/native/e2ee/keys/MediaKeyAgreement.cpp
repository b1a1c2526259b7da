// Media keys in a call; see the header.
#include "client/native/e2ee/keys/MediaKeyAgreement.hpp"

#include <algorithm>
#include <utility>

namespace sotto::client::e2ee {

MediaKeyAgreement::MediaKeyAgreement(base::Random& random, frame::Suite suite)
    : sending_(random, suite, actions_), received_(actions_) {}

bool MediaKeyAgreement::isMember(const DeviceId& device) const {
  return std::any_of(members_.begin(), members_.end(),
                     [&](const auto& member) { return member.second == device; });
}

void MediaKeyAgreement::forget() {
  sending_.reset();
  received_.clear();
  members_.clear();
  invited_.clear();
}

void MediaKeyAgreement::left() {
  actions_.clear();
  forget();
}

void MediaKeyAgreement::joined(uint16_t self, const std::vector<Member>& members, base::Timestamp now) {
  forget();
  self_ = self;
  for (const Member& member : members) memberJoined(member, now);
  sending_.start(self, now);
}

void MediaKeyAgreement::memberJoined(const Member& member, base::Timestamp now) {
  if (member.sender == 0 || member.sender == self_) return;
  const auto known = members_.find(member.sender);
  if (known != members_.end()) {
    if (known->second == member.device) return;
    memberLeft(member.sender, now);
  }
  members_[member.sender] = member.device;
  if (isBlocked(member.device)) return;
  received_.present(member.sender, member.device, now);
  sending_.add(member.device, /*present=*/true, now);
}

void MediaKeyAgreement::memberLeft(uint16_t sender, base::Timestamp now) {
  const auto known = members_.find(sender);
  if (known == members_.end()) return;
  const DeviceId device = known->second;
  members_.erase(known);
  received_.gone(sender);
  // A device that has joined anew is there twice for a moment.
  if (!isMember(device)) stopSendingTo(device, now);
}

void MediaKeyAgreement::stopSendingTo(const DeviceId& device, base::Timestamp now) {
  sending_.remove(device, now);
  if (invited_.count(device) > 0 && !isBlocked(device)) sending_.add(device, /*present=*/false, now);
}

void MediaKeyAgreement::memberBack(uint16_t sender, base::Timestamp now) {
  const auto member = members_.find(sender);
  if (member != members_.end()) sending_.back(member->second, now);
}

void MediaKeyAgreement::setInvited(const std::vector<DeviceId>& devices, base::Timestamp now) {
  const std::set<DeviceId> before = std::exchange(invited_, {devices.begin(), devices.end()});
  for (const DeviceId& device : before) {
    if (invited_.count(device) == 0 && !isMember(device)) sending_.remove(device, now);
  }
  for (const DeviceId& device : invited_) {
    if (before.count(device) == 0 && !isMember(device) && !isBlocked(device)) {
      sending_.add(device, /*present=*/false, now);
    }
  }
}

void MediaKeyAgreement::block(const DeviceId& device, base::Timestamp now) {
  if (!blocked_.insert(device).second) return;
  sending_.remove(device, now);
  for (const auto& [sender, other] : members_) {
    if (other == device) received_.gone(sender);
  }
}

void MediaKeyAgreement::accept(const DeviceId& device, base::Timestamp now) {
  if (blocked_.erase(device) == 0) return;
  for (const auto& [sender, other] : members_) {
    if (other == device) received_.present(sender, device, now);
  }
  const bool member = isMember(device);
  if (member || invited_.count(device) > 0) sending_.add(device, member, now);
}

void MediaKeyAgreement::keyArrived(const DeviceId& from, MediaKey key, base::Timestamp now) {
  if (!isBlocked(from)) received_.arrived(from, std::move(key), now);
}

void MediaKeyAgreement::keyAsked(const DeviceId& from, KeyId key, base::Timestamp now) {
  if (key.sender == self_ && !isBlocked(from) && isMember(from)) sending_.asked(from, now);
}

void MediaKeyAgreement::receipt(const DeviceId& from, uint64_t rotation, base::Timestamp now) {
  sending_.receipt(from, rotation, now);
}

void MediaKeyAgreement::undelivered(const DeviceId& device, uint64_t rotation, bool forGood,
                                    base::Timestamp now) {
  sending_.undelivered(device, rotation, forGood, now);
}

void MediaKeyAgreement::onTime(base::Timestamp now) {
  sending_.onTime(now);
  received_.onTime(now);
}

base::Timestamp MediaKeyAgreement::nextDeadline() const {
  return std::min(sending_.nextDeadline(), received_.nextDeadline());
}

KeyActions MediaKeyAgreement::takeActions() {
  return std::exchange(actions_, {});
}

}  // namespace sotto::client::e2ee
