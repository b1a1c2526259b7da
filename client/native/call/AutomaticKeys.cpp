#include "client/native/call/AutomaticKeys.hpp"

#include <algorithm>
#include <utility>

#include "client/native/e2ee/messenger/DirectMessage.hpp"

namespace sotto::client::call {

using base::Timestamp;
using namespace e2ee;

AutomaticKeys::AutomaticKeys(const CallDevice& device, frame::Suite suite, base::Random& random,
                             KeyLink& link)
    : KeyProvider(suite),
      link_(link),
      store_(*device.store),
      directory_(*device.directory),
      registration_(*device.store, *device.storage, *device.directory, random),
      agreement_(random, suite),
      messenger_(*device.store, *device.storage, *device.directory, *this, random, *this),
      ways_(*this, device.store->self()) {}

AutomaticKeys::~AutomaticKeys() = default;

// ---- the call ---------------------------------------------------------------------------------------

void AutomaticKeys::setCall(const std::string& callId) {
  callId_ = callId;
  joining_ = false;
}

void AutomaticKeys::resumed(Timestamp now) {
  now_ = now;
  takeEarly();
  messenger_.resume(now);
  act();
}

void AutomaticKeys::takeEarly() {
  for (Early& early : std::exchange(early_, {})) {
    onKeyMessage(early.from, early.group, std::move(early.key));
  }
}

PublishedKeyInfo AutomaticKeys::joined(uint16_t self, const std::vector<KeyMember>& others, Timestamp now) {
  now_ = now;
  std::vector<MediaKeyAgreement::Member> members;
  connected_.clear();
  ways_.reset();
  for (const KeyMember& other : others) {
    reach(other);
    members.push_back({other.sender, other.device});
    connected_[other.sender] = other.connected;
  }
  stopSealing();
  agreement_.joined(self, members, now);
  takeEarly();
  messenger_.resume(now);
  act();
  return {sealer().suite(), std::nullopt};
}

void AutomaticKeys::reach(const KeyMember& member) {
  if (member.data) {
    ways_.reachable(member.sender, member.device);
  } else {
    ways_.unreachable(member.sender, now_);
  }
}

void AutomaticKeys::memberPresent(const KeyMember& member, Timestamp now) {
  now_ = now;
  reach(member);
  agreement_.memberJoined({member.sender, member.device}, now);
  const auto [known, fresh] = connected_.try_emplace(member.sender, member.connected);
  if (!fresh && !std::exchange(known->second, member.connected) && member.connected) {
    agreement_.memberBack(member.sender, now);
  }
  act();
}

void AutomaticKeys::memberLeft(uint16_t sender, Timestamp now) {
  now_ = now;
  connected_.erase(sender);
  ways_.gone(sender);
  agreement_.memberLeft(sender, now);
  act();
}

void AutomaticKeys::frameOpened(KeyId key, Timestamp now) {
  now_ = now;
  agreement_.frameOpened(key, now);
  if (agreement_.hasActions()) act();
}

void AutomaticKeys::keyUnknown(KeyId key, Timestamp now) {
  now_ = now;
  agreement_.keyUnknown(key, now);
  act();
}

void AutomaticKeys::left() {
  agreement_.left();
  act();
  stopSealing();
  early_.clear();
  listing_ = {};
  ways_.reset();
}

// ---- the invited ------------------------------------------------------------------------------------

void AutomaticKeys::setInvited(const std::vector<std::string>& users, Timestamp now) {
  now_ = now;
  listing_ = {listing_.number + 1, users.size(), {}};
  if (users.empty()) {
    agreement_.setInvited({}, now);
    return act();
  }
  for (const std::string& user : users) {
    directory_.listDevices(user, [this, user, number = listing_.number, alive = std::weak_ptr(alive_)](
                                     const DirectoryResult<std::vector<std::string>>& devices) {
      if (!alive.expired()) onListed(number, user, devices);
    });
  }
}

void AutomaticKeys::onListed(uint64_t number, const std::string& user,
                             const DirectoryResult<std::vector<std::string>>& devices) {
  if (number != listing_.number || listing_.missing == 0) return;
  // A user whose devices cannot be learned gets the key when it joins.
  if (devices) {
    for (const std::string& device : *devices) listing_.devices.push_back({user, device});
  }
  if (--listing_.missing > 0) return;
  listed_ = std::move(listing_.devices);
  link_.keysHaveWork();
}

// ---- what the agreement wants -----------------------------------------------------------------------

void AutomaticKeys::act() {
  if (std::exchange(acting_, true)) return;
  for (KeyActions actions = agreement_.takeActions(); !actions.empty(); actions = agreement_.takeActions()) {
    for (KeyAction& action : actions) {
      std::visit([this](auto& what) { carryOut(what); }, action);
    }
  }
  acting_ = false;
}

void AutomaticKeys::carryOut(SendKey& action) {
  Body body;
  body.group = callId_;
  body.what = std::move(action.key);
  messenger_.send(body, action.to, action.rotation, action.store, now_);
}

void AutomaticKeys::carryOut(UseKey& action) {
  useKey(action.key.id, action.key.secret.view());
}

void AutomaticKeys::carryOut(InstallKey& action) {
  takeKey(action.key.id, action.key.suite, action.key.secret.view());
}

void AutomaticKeys::carryOut(RemoveKeys& action) {
  if (action.generation) {
    forgetGeneration(action.sender, *action.generation);
  } else {
    forgetSender(action.sender);
  }
}

void AutomaticKeys::carryOut(ForceKeyFrame& /*action*/) {
  link_.keyFramesNeeded();
}

void AutomaticKeys::carryOut(AskForKey& action) {
  Body body;
  body.group = callId_;
  body.what = KeyRequest{action.key.sender, action.key.generation, action.key.step};
  messenger_.send(body, {action.of}, 0, /*store=*/false, now_);
}

void AutomaticKeys::carryOut(WaitingForKeys& action) {
  link_.keysWaiting(action.sender, action.waiting);
}

void AutomaticKeys::carryOut(RotationNews& action) {
  for (const RotationReport& report : agreement_.sending().reports()) {
    if (report.number == action.rotation) link_.keysRotated(report);
  }
}

// ---- messages ---------------------------------------------------------------------------------------

void AutomaticKeys::onMessage(IncomingMessage message, Timestamp now) {
  now_ = now;
  messenger_.onMessage(std::move(message), now);
  act();
}

void AutomaticKeys::onDirect(uint16_t origin, base::ByteView payload, Timestamp now) {
  now_ = now;
  // Whose it is, the session says that opens it: the number only tells which session to try.
  const auto member = agreement_.members().find(origin);
  auto message = member == agreement_.members().end() ? tl::make_unexpected(DirectMessageError::NotForThisWay)
                                                      : decodeDirect(payload, member->second);
  if (!message) {
    ++refusedDirect_;
    return;
  }
  messenger_.onMessage(std::move(*message), now);
  act();
}

void AutomaticKeys::channelLost(Timestamp now) {
  now_ = now;
  ways_.channelLost(now);
  act();
}

KeyMessageStatistics AutomaticKeys::messageStatistics() const {
  const MessageWays::Counters& sent = ways_.counters();
  return {sent.sentDirect,   sent.sentBySocket,   sent.fellBack, sent.receiptsRepeated,
          sent.openedDirect, sent.openedBySocket, sent.repeated, refusedDirect_};
}

void AutomaticKeys::outcome(const std::function<void(SendOutcome)>& done, const SendOutcome& outcome,
                            Timestamp now) {
  now_ = now;
  done(outcome);
  act();
}

void AutomaticKeys::onBody(const DeviceId& from, const MessageId& id, Body& body) {
  if (auto* key = std::get_if<MediaKey>(&body.what)) {
    return onKeyMessage(from, body.group, std::move(*key));
  }
  if (const auto* request = std::get_if<KeyRequest>(&body.what)) {
    if (body.group != callId_) return;
    const KeyId key{request->sender, request->generation.value_or(0), request->step.value_or(0)};
    agreement_.keyAsked(from, key, now_);
    return act();
  }
  link_.deviceMessage(from, id, body);
}

void AutomaticKeys::onKeyMessage(const DeviceId& from, const std::string& group, MediaKey key) {
  if (joining_) {
    if (early_.size() < maxEarly) early_.push_back({from, group, std::move(key)});
    return;
  }
  if (group != callId_) return;
  agreement_.keyArrived(from, std::move(key), now_);
  act();
}

void AutomaticKeys::onReceipt(const DeviceId& from, uint64_t token) {
  if (token == 0) return;
  agreement_.receipt(from, token, now_);
  act();
}

void AutomaticKeys::onUndelivered(const DeviceId& to, uint64_t token, Undelivered why) {
  if (token == 0) return;
  const bool passes = why == Undelivered::OutOfReach || why == Undelivered::MailboxFull;
  agreement_.undelivered(to, token, !passes, now_);
  act();
}

void AutomaticKeys::onIdentityChanged(const DeviceId& device, const signal::PublicKey& /*now*/) {
  agreement_.block(device, now_);
  link_.identityChanged(device);
  act();
}

void AutomaticKeys::acceptIdentity(const DeviceId& device, Timestamp now) {
  now_ = now;
  messenger_.acceptIdentity(device, now);
  agreement_.accept(device, now);
  act();
}

void AutomaticKeys::preKeysLow(size_t remaining) {
  registration_.refill(remaining, [this, alive = std::weak_ptr(alive_)](const std::string& problem) {
    if (!problem.empty() && !alive.expired()) link_.keysWarning("prekeys were not refilled: " + problem);
  });
}

void AutomaticKeys::onMessengerWork() {
  link_.keysHaveWork();
}

void AutomaticKeys::onMessengerWarning(const std::string& message) {
  link_.keysWarning(message);
}

void AutomaticKeys::send(OutgoingMessage message, std::function<void(SendOutcome)> done) {
  ways_.send(std::move(message), std::move(done), now_);
}

void AutomaticKeys::arrived(const DeviceId& by, const MessageId& id) {
  ways_.arrived(by, id, now_);
}

void AutomaticKeys::came(const IncomingMessage& message, bool again) {
  ways_.came(message, again, now_);
}

void AutomaticKeys::sendBySocket(OutgoingMessage message, std::function<void(SendOutcome)> done) {
  link_.sendMessage(std::move(message), std::move(done));
}

bool AutomaticKeys::sendDirect(uint16_t sender, base::ByteView payload) {
  return link_.sendDirect(sender, payload, now_);
}

base::TimeDelta AutomaticKeys::roundTrip() const {
  return link_.roundTrip();
}

void AutomaticKeys::acknowledge(uint64_t upTo) {
  link_.acknowledgeMessages(upTo);
}

// ---- time -------------------------------------------------------------------------------------------

void AutomaticKeys::onTime(Timestamp now) {
  now_ = now;
  if (auto listed = std::exchange(listed_, std::nullopt)) agreement_.setInvited(*listed, now);
  ways_.onTime(now);
  messenger_.onTime(now);
  agreement_.onTime(now);
  act();
}

Timestamp AutomaticKeys::nextDeadline() const {
  if (listed_) return Timestamp::minusInfinity();
  return std::min({ways_.nextDeadline(), messenger_.nextDeadline(), agreement_.nextDeadline()});
}

std::optional<signal::CallCode> AutomaticKeys::callCode() const {
  std::vector<signal::CallMember> members;
  const DeviceId& self = store_.self();
  members.push_back({self.user, self.device, store_.keys().identity().publicKey});
  for (const auto& [sender, device] : agreement_.members()) {
    const signal::PublicKey* identity = store_.pinned(device);
    if (identity == nullptr) return std::nullopt;
    members.push_back({device.user, device.device, *identity});
  }
  auto code = signal::callCode(members);
  return code ? std::optional(std::move(*code)) : std::nullopt;
}

}  // namespace sotto::client::call
