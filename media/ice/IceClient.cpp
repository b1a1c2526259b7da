// RFC 8445 sections 6 to 8 for a controlling agent with one base; RFC 7675 for consent.
#include "media/ice/IceClient.hpp"

#include <algorithm>

namespace sotto::ice {
namespace {

using base::TimeDelta;
using base::Timestamp;

/// Ta (RFC 8445 section 14.2): time between the first checks of two candidates.
constexpr TimeDelta pacing = TimeDelta::millis(50);
/// RTO (RFC 8445 section 14.3) while nothing is known of the way; then what RFC 8489 section 6.2.1 takes from
/// RFC 6298, three round trips after the first sample, within these bounds. It doubles no further than to two
/// seconds: the tail of RFC 8489's schedule, 32 s between two attempts, would leave a caller on a lossy path
/// alone.
constexpr TimeDelta firstTimeout = TimeDelta::millis(500);
constexpr TimeDelta shortestTimeout = TimeDelta::millis(100);
constexpr TimeDelta longestTimeout = TimeDelta::seconds(2);
constexpr TimeDelta checkLimit = TimeDelta::seconds(30);
/// RFC 7675 section 5.1: checks every 5 s, each interval between 0.8 and 1.2 of that; 30 s without an answer
/// ends consent. While an answer is owed the next check comes sooner, so that loss alone does not end a call.
constexpr TimeDelta consentInterval = TimeDelta::seconds(5);
constexpr TimeDelta consentRetry = TimeDelta::seconds(1);
constexpr TimeDelta consentTimeout = TimeDelta::seconds(30);
/// RFC 8445 section 5.1.2: type preference of a peer-reflexive candidate, one local address, component 1.
constexpr uint32_t peerReflexivePriority = 110u << 24 | 65535u << 8 | 255u;

}  // namespace

IceClient::IceClient(IceClientParameters parameters, base::Random& random, Send send)
    : parameters_(std::move(parameters)),
      random_(random),
      send_(std::move(send)),
      tieBreaker_(random.u64()) {}

TransactionId IceClient::newTransaction() {
  TransactionId id;
  random_.fill(id);
  return id;
}

void IceClient::start(Timestamp now) {
  checks_.clear();
  for (const base::SocketAddress& remote : parameters_.remoteCandidates) {
    checks_.emplace_back().remote = remote;
  }
  if (!selected_) state_ = IceClientState::Checking;
  nextStart_ = now;
  runChecks(now);
}

void IceClient::restart(IceClientParameters parameters, Timestamp now) {
  parameters_ = std::move(parameters);
  if (state_ == IceClientState::Disconnected || state_ == IceClientState::Failed) selected_.reset();
  // Consent under the old credentials cannot be had any more; the new checks ask for it.
  consentDue_ = Timestamp::plusInfinity();
  start(now);
}

void IceClient::networkChanged(Timestamp now) {
  if (state_ == IceClientState::Connected && checks_.empty()) sendConsent(now);
}

void IceClient::sendRequest(const TransactionId& id, const base::SocketAddress& remote, bool nominate) {
  const std::string username = parameters_.remoteUfrag + ":" + parameters_.localUfrag;
  StunFields fields;
  fields.transactionId = id;
  fields.username = username;
  fields.priority = peerReflexivePriority;
  fields.useCandidate = nominate;
  fields.iceControlling = tieBreaker_;
  std::array<uint8_t, 700> datagram;  // RFC 8445: fragments have at most 256 characters each
  const size_t size = writeStun(fields, parameters_.remotePassword, datagram);
  if (size > 0) send_(base::ByteView(datagram).first(size), remote);
}

void IceClient::begin(Check& check, Timestamp now) {
  check.state = CheckState::InProgress;
  check.id = newTransaction();
  check.sends = 0;
  check.timeout =
      roundTripTime_ ? std::clamp(*roundTripTime_ * 3, shortestTimeout, firstTimeout) : firstTimeout;
  check.firstSent = now;
  transmit(check, now);
}

void IceClient::transmit(Check& check, Timestamp now) {
  ++check.sends;
  check.due = std::min(now + check.timeout, check.firstSent + checkLimit);
  check.timeout = std::min(check.timeout * 2, longestTimeout);
  sendRequest(check.id, check.remote, check.nominating);
}

void IceClient::runChecks(Timestamp now) {
  for (Check& check : checks_) {
    if (check.state != CheckState::InProgress || check.due > now) continue;
    if (now - check.firstSent < checkLimit) {
      transmit(check, now);
    } else {
      check.state = CheckState::Failed;
    }
  }
  if (now >= nextStart_) {
    const auto waiting = std::find_if(checks_.begin(), checks_.end(),
                                      [](const Check& check) { return check.state == CheckState::Waiting; });
    nextStart_ = waiting == checks_.end() ? Timestamp::plusInfinity() : now + pacing;
    if (waiting != checks_.end()) begin(*waiting, now);
  }
  judgeFailure();
}

void IceClient::judgeFailure() {
  const bool allFailed = std::all_of(checks_.begin(), checks_.end(),
                                     [](const Check& check) { return check.state == CheckState::Failed; });
  if (state_ == IceClientState::Checking && allFailed) state_ = IceClientState::Failed;
}

void IceClient::onDatagram(base::ByteView datagram, const base::SocketAddress& from, Timestamp now) {
  const auto message = StunMessage::parse(datagram);
  if (!message ||
      (message->messageClass != StunClass::Success && message->messageClass != StunClass::Error)) {
    return;
  }
  for (Check& check : checks_) {
    if (check.state == CheckState::InProgress && check.id == message->transactionId) {
      return onAnswer(check, *message, from, now);
    }
  }
  for (const Consent& consent : consents_) {
    const bool pending = consent.sent != Timestamp::minusInfinity();
    if (pending && consent.id == message->transactionId && from == selected_) {
      return onConsent(consent, *message, now);
    }
  }
}

void IceClient::onAnswer(Check& check, const StunMessage& message, const base::SocketAddress& from,
                         Timestamp now) {
  // Errors 400 and 401 come without integrity. A forged one could only fail a check of which it has seen the
  // transaction id; an authentic answer is needed for all else.
  if (message.messageClass == StunClass::Error) {
    check.state = CheckState::Failed;
    return judgeFailure();
  }
  if (!message.verifyIntegrity(parameters_.remotePassword) || !message.xorMappedAddress) return;
  // RFC 8445 section 7.2.5.2.1: an answer from elsewhere is a path that works in one direction only.
  if (from != check.remote) {
    check.state = CheckState::Failed;
    return judgeFailure();
  }
  mapped_ = message.xorMappedAddress;
  if (check.sends == 1) roundTripTime_ = now - check.firstSent;
  if (check.nominating) return nominated(check, now);

  // The first candidate that answers has the shortest way: it is taken, and the others are left alone.
  Check nomination;
  nomination.remote = check.remote;
  nomination.nominating = true;
  checks_.assign(1, nomination);
  nextStart_ = Timestamp::plusInfinity();
  begin(checks_.front(), now);
}

void IceClient::nominated(const Check& check, Timestamp now) {
  selected_ = check.remote;
  state_ = IceClientState::Connected;
  checks_.clear();
  gainConsent(now);
}

void IceClient::gainConsent(Timestamp now) {
  consents_.fill({});
  consentExpires_ = now + consentTimeout;
  // 0.8 to 1.2 of the interval, so that many clients do not check in step.
  consentDue_ = now + consentInterval * (800 + random_.u32() % 401) / 1000;
}

void IceClient::sendConsent(Timestamp now) {
  Consent& consent = consents_[nextConsentSlot_];
  nextConsentSlot_ = (nextConsentSlot_ + 1) % consents_.size();
  consent = {newTransaction(), now};
  consentDue_ = now + consentRetry;
  // It nominates, too: after a change of our address the server sends to where this comes from.
  sendRequest(consent.id, *selected_, true);
}

void IceClient::onConsent(const Consent& consent, const StunMessage& message, Timestamp now) {
  if (message.messageClass != StunClass::Success || !message.verifyIntegrity(parameters_.remotePassword))
    return;
  if (message.xorMappedAddress) mapped_ = message.xorMappedAddress;
  roundTripTime_ = now - consent.sent;
  gainConsent(now);
}

void IceClient::onTime(Timestamp now) {
  runChecks(now);
  if (state_ != IceClientState::Connected) return;
  if (now >= consentExpires_) {
    state_ = IceClientState::Disconnected;
    consentDue_ = consentExpires_ = Timestamp::plusInfinity();
  } else if (now >= consentDue_) {
    sendConsent(now);
  }
}

Timestamp IceClient::nextDeadline() const {
  Timestamp deadline = std::min({nextStart_, consentDue_, consentExpires_});
  for (const Check& check : checks_) {
    if (check.state == CheckState::InProgress) deadline = std::min(deadline, check.due);
  }
  return deadline;
}

}  // namespace sotto::ice
