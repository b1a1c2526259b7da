// The signaling half of CallSession: requests, replies and events of docs/signaling.md.
#include "client/native/call/CallSession.hpp"
#include "client/native/call/SlotPlan.hpp"
#include "client/native/call/SuiteChoice.hpp"

#include <utility>

namespace sotto::client::call {

namespace {

/// Refusals that pass by themselves.
bool passes(const std::string& code) {
  return code == "media_unavailable" || code == "rate_limited" || code == "internal";
}

/// A server that refused for the moment is asked again after this.
constexpr auto refusedBackoff = base::TimeDelta::millis(500);

}  // namespace

uint64_t CallSession::ask(Asked what) {
  asked_[++lastRequest_] = what;
  return lastRequest_;
}

void CallSession::sendJoin() {
  // First, so that whoever hears of our joining can reach us with a key.
  if (automatic_ != nullptr) {
    automatic_->connecting();
    socket_.send(makeAttach(ask(Asked::Attach), options_.token));
  }
  JoinRequest join;
  join.token = options_.token;
  join.clientName = options_.clientName;
  join.canSeal = keys_ != nullptr;
  join.resumeSession = sessionId_;
  join.resumeSecret = sessionSecret_;
  socket_.send(makeJoin(ask(Asked::Join), join));
}

void CallSession::sendOffer() {
  OfferRequest offer;
  offer.sdp = media_->createOffer();
  offer.tracks = locals_.offered();
  offer.keys = publishedKeys_;
  offerWanted_ = false;
  offerRequest_ = ask(Asked::Offer);
  socket_.send(makeOffer(offerRequest_, offer));
}

void CallSession::offerAgain() {
  if (!joined_ || !media_) return;
  if (offerRequest_ != 0) {
    offerWanted_ = true;
  } else {
    sendOffer();
  }
}

void CallSession::updateWishes(bool evenIfUnchanged) {
  if (!joined_ || !mediaAnswered_) return;
  auto plan = planSlots(videoMids_, options_.wants, options_.wantEveryone, options_.everyoneHeight,
                        remotes_.roster(), wishes_);
  if (plan == wishes_ && !evenIfUnchanged) return;
  wishes_ = std::move(plan);
  remotes_.setWishes(wishes_);
  socket_.send(makeSubscribe(ask(Asked::Subscribe), wishes_));
}

void CallSession::rosterChanged() {
  observer_.onRoster(remotes_.roster());
  updateWishes(/*evenIfUnchanged=*/false);
}

void CallSession::onSocketMessage(std::string_view text, base::Timestamp now) {
  if (over()) return;
  const auto message = parseServerMessage(text);
  if (!message) {
    observer_.onWarning(message.error().message);
    return;
  }
  if (const auto* reply = std::get_if<ReplyMessage>(&*message)) {
    onReply(*reply, now);
  } else {
    onEvent(*message, now);
  }
  settle(now);
}

void CallSession::onReply(const ReplyMessage& reply, base::Timestamp now) {
  const auto found = asked_.find(reply.id);
  if (found == asked_.end()) return;
  const Asked what = found->second;
  asked_.erase(found);
  const bool staleOffer = what == Asked::Offer && reply.id != offerRequest_;
  if (staleOffer) return;  // of a media connection that has been given up since
  if (what == Asked::Offer) offerRequest_ = 0;
  if (what == Asked::Send) return onSent(reply, now);
  if (reply.error) return onRefused(what, *reply.error, now);
  if (what == Asked::Join && reply.join) {
    onJoined(*reply.join, now);
  } else if (what == Asked::Offer && reply.sdp) {
    onAnswer(*reply.sdp, now);
  } else if (what == Asked::Leave) {
    end(CallState::Left, "");
  }
}

void CallSession::onRefused(Asked what, const ErrorInfo& error, base::Timestamp now) {
  const std::string reason = error.message + " (" + error.code + ")";
  switch (what) {
    case Asked::Join:
      if (!passes(error.code)) return fail("the server refused the join: " + reason);
      // A join may be sent once on a socket that was refused; a fresh socket starts clean.
      socket_.close();
      return onSocketClosed("the server refused the join: " + reason, now);
    case Asked::Offer:
      if (!passes(error.code)) return fail("the server refused the offer: " + reason);
      lost("the server refused the offer: " + reason, now);
      return scheduleMedia(now + refusedBackoff);
    case Asked::Leave:
      return end(CallState::Left, "");
    case Asked::Attach:
      return observer_.onWarning("no keys can reach this device: " + reason);
    case Asked::Send:
      return;
    case Asked::Acknowledge:
    case Asked::Invite:
    case Asked::Subscribe:
    case Asked::Mute:
    case Asked::RateCap:
      return observer_.onWarning("the server refused a request: " + reason);
  }
}

void CallSession::onJoined(const JoinReply& reply, base::Timestamp now) {
  joined_ = everJoined_ = true;
  sessionId_ = reply.sessionId;
  sessionSecret_ = reply.sessionSecret;
  selfId_ = reply.self.participant.id;
  audioSlotLimit_ = reply.audioSlots;
  videoSlotLimit_ = reply.videoSlots;
  selfSender_ = reply.self.participant.sender;
  if (automatic_ != nullptr && reply.e2ee == control::E2eePolicy::Off) dropKeys();
  if (automatic_ != nullptr) {
    if (reply.call.empty()) return fail("the server has no key directory: give the room's secret instead");
    automatic_->setCall(reply.call);
  }
  if (keys_ && !reply.resumed && !settleSuite(reply.suites)) return;
  remotes_.setRoster(reply.roster, now);
  if (!reply.resumed) {
    // A fresh join: another sender number and, with it, a fresh key. The counter goes on.
    std::vector<e2ee::KeyMember> others;
    for (const Member& member : reply.roster) others.push_back(keyMember(member));
    if (keys_) publishedKeys_ = keys_->joined(reply.self.participant.sender, others, now);
    scheduleMedia(now);
  }
  if (automatic_ != nullptr) {
    if (reply.resumed) automatic_->resumed(now);
    automatic_->setInvited(reply.invited, now);
  }
  observer_.onRoster(remotes_.roster());
  if (!reply.resumed) return;
  const bool alive = media_ && media_->state() != rtc::ConnectionState::Failed;
  if (!alive) {
    scheduleMedia(now);
  } else if (!mediaAnswered_ || offerWanted_) {
    sendOffer();
  } else {
    updateWishes(/*evenIfUnchanged=*/true);
  }
}

bool CallSession::settleSuite(const std::vector<std::string>& ofRoom) {
  const auto suite = chooseSuite(options_.suite, ofRoom);
  if (!suite) {
    // Goes at once, so that nobody waits for it to come back.
    socket_.send(makeLeave(ask(Asked::Leave)));
    fail(suite.error().message);
    return false;
  }
  suite_ = *suite;
  keys_->setSuite(*suite);
  return true;
}

void CallSession::onAnswer(const std::string& sdp, base::Timestamp now) {
  const auto applied = media_->applyAnswer(sdp, now);
  if (!applied) return fail(applied.error().message);
  const bool first = !mediaAnswered_;
  mediaAnswered_ = true;
  if (first && rateCap_) socket_.send(makeRateCap(ask(Asked::RateCap), rateCap_));
  updateWishes(/*evenIfUnchanged=*/first);
  if (offerWanted_) sendOffer();
}

/// Coming back would throw the other one out, which would come back in its turn.
void CallSession::onReplaced() {
  fail("this device has joined the call from somewhere else");
}

bool CallSession::onKeyEvent(const ServerMessage& message, base::Timestamp now) {
  if (automatic_ == nullptr) return false;
  if (const auto* sealed = std::get_if<DeviceMessage>(&message)) {
    automatic_->onMessage(sealed->message, now);
    openWaitingData();
  } else if (const auto* low = std::get_if<PreKeysLow>(&message)) {
    automatic_->preKeysLow(low->remaining);
  } else if (const auto* invited = std::get_if<Invited>(&message)) {
    automatic_->setInvited(invited->users, now);
  } else if (std::holds_alternative<Detached>(message)) {
    observer_.onWarning("this device's messages go to another connection of it: no keys will come here");
  } else {
    return false;
  }
  return true;
}

void CallSession::onSent(const ReplyMessage& reply, base::Timestamp now) {
  const auto sent = sends_.extract(reply.id);
  if (sent.empty() || automatic_ == nullptr) return;
  e2ee::SendOutcome outcome;
  if (reply.error) outcome.error = reply.error->message;
  outcome.unknown = reply.unknown;
  outcome.full = reply.full;
  automatic_->outcome(sent.mapped(), outcome, now);
}

void CallSession::failSends() {
  for (const auto& [id, done] : std::exchange(sends_, {})) {
    done({"the connection to the server is gone", {}, {}});
  }
}

void CallSession::onEvent(const ServerMessage& message, base::Timestamp now) {
  if (onKeyEvent(message, now)) return;
  if (const auto* joined = std::get_if<ParticipantJoined>(&message)) {
    remotes_.upsert(joined->member, now);
    rosterChanged();
  } else if (const auto* updated = std::get_if<ParticipantUpdated>(&message)) {
    if (updated->member.participant.id == selfId_) return;
    remotes_.upsert(updated->member, now);
    rosterChanged();
  } else if (const auto* left = std::get_if<ParticipantLeft>(&message)) {
    remotes_.remove(left->participant, now);
    rosterChanged();
  } else if (const auto* slots = std::get_if<SlotsChanged>(&message)) {
    for (const SlotsChanged::Slot& slot : slots->slots) remotes_.bind(slot);
  } else if (const auto* speakers = std::get_if<Speakers>(&message)) {
    observer_.onSpeakers(speakers->participants);
  } else if (const auto* restart = std::get_if<MediaRestart>(&message)) {
    lost("the server lost the media connection: " + restart->reason, now);
    scheduleMedia(now);
  } else if (std::holds_alternative<Removed>(message)) {
    onReplaced();
  } else if (const auto* stopping = std::get_if<Stopping>(&message)) {
    observer_.onWarning("the server is stopping: " + stopping->reason);
  } else if (const auto* error = std::get_if<ErrorEvent>(&message)) {
    observer_.onWarning(error->error.message + " (" + error->error.code + ")");
  }
}

}  // namespace sotto::client::call
