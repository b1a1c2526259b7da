// The receiving half of the messenger: opening, receipts, and what happens when something does not open.
#include <algorithm>

#include "client/native/e2ee/content/OneTimeKey.hpp"
#include "client/native/e2ee/messenger/Messenger.hpp"

namespace sotto::client::e2ee {

namespace {

using signal::SignalError;

/// Message ids whose failure was reported are remembered up to this many; the server sends each once.
constexpr size_t maxErrorsRemembered = 10'000;

bool isReceipted(Purpose purpose) {
  return purpose != Purpose::KeyRequest;
}

}  // namespace

void Messenger::onMessage(IncomingMessage message, base::Timestamp now) {
  now_ = now;
  acknowledge_ = std::max(acknowledge_, message.seq);
  if (message.type == EnvelopeType::Error) {
    if (const auto error = decodeErrorReceipt(message.body)) onErrorReceipt(message.from, *error, now);
  } else if (message.from != store_.self()) {
    open(message, now);
  }
  settle(now);
}

bool Messenger::hasOpened(const DeviceId& from, const MessageId& id) const {
  const auto known = openedIds_.find(from);
  return known != openedIds_.end() &&
         std::find(known->second.begin(), known->second.end(), id) != known->second.end();
}

void Messenger::open(IncomingMessage& message, base::Timestamp now) {
  // What comes by two ways comes twice; the copy must not look like the message of a lost session.
  if (hasOpened(message.from, message.id)) {
    ++counters_.duplicates;
    return transport_.came(message, /*again=*/true);
  }
  const auto type = message.type == EnvelopeType::PreKey ? signal::CiphertextMessage::Type::PreKey
                                                         : signal::CiphertextMessage::Type::Signal;
  auto plaintext = store_.decrypt(message.from, type, message.body, random_);
  if (!plaintext) return onRefused(message, plaintext.error(), now);
  ++counters_.opened;
  std::deque<MessageId>& opened = openedIds_[message.from];
  if (opened.size() >= maxOpenedIds) opened.pop_front();
  opened.push_back(message.id);
  transport_.came(message, /*again=*/false);
  const SecretBytes wiped = SecretBytes::adopt(std::move(*plaintext));
  onContent(message, wiped.view(), now);
}

void Messenger::onContent(const IncomingMessage& message, base::ByteView plaintext, base::Timestamp now) {
  auto content = decodeContent(plaintext);
  if (!content) {
    // It was sealed by that device: sent again it would be no better.
    observer_.onMessengerWarning("a message of " + message.from.user +
                                 " cannot be read: " + toString(content.error()));
    return;
  }
  if (Body* body = std::get_if<Body>(&*content)) return onBody(message, *body, now);
  if (const SharedKey* shared = std::get_if<SharedKey>(&*content)) return onShared(message, *shared, now);
  onReceipt(message.from, std::get<Receipt>(*content));
}

void Messenger::onShared(const IncomingMessage& message, const SharedKey& shared, base::Timestamp now) {
  const SharedContext context{static_cast<Purpose>(message.purpose), message.group, message.from, message.id};
  const bool possible =
      message.purpose >= 1 && message.purpose <= 5 && message.group.size() <= Body::maxGroup;
  const auto padded = possible ? openShared(shared, message.shared, context) : std::nullopt;
  if (!padded) {
    ++counters_.refused;
    return observer_.onMessengerWarning("a shared message of " + message.from.user +
                                        " is not the one that its key belongs to");
  }
  auto body = decodeBody(padded->view());
  if (!body || body->purpose() != context.purpose || body->group != context.group) {
    ++counters_.refused;
    return observer_.onMessengerWarning("a shared message of " + message.from.user +
                                        " is not what it says outside");
  }
  onBody(message, *body, now);
}

void Messenger::onBody(const IncomingMessage& message, Body& body, base::Timestamp now) {
  if (isReceipted(body.purpose())) {
    PendingReceipt& receipt = receipts_[message.from];
    receipt.messages.push_back(message.id);
    receipt.store = receipt.store || body.purpose() != Purpose::MediaKey;
    const auto gather = message.direct ? gatherDirectReceipts : gatherReceipts;
    receiptsDue_ = std::min(receiptsDue_, now + gather);
    if (receipt.messages.size() >= Receipt::maxIds) receiptsDue_ = now;
  }
  observer_.onBody(message.from, message.id, body);
}

void Messenger::onReceipt(const DeviceId& from, const Receipt& receipt) {
  for (const MessageId& id : receipt.messages) {
    const JobPointer job = outbox_.receipted(from, id);
    log_.receipted(from, id);
    if (!job) continue;
    transport_.arrived(from, id);
    observer_.onReceipt(from, job->token);
  }
}

// ---- what does not open -----------------------------------------------------------------------------

void Messenger::onRefused(IncomingMessage& message, SignalError error, base::Timestamp now) {
  switch (error) {
    case SignalError::DuplicateMessage:
      ++counters_.duplicates;
      return;
    case SignalError::UntrustedIdentity:
      return holdIncoming(std::move(message));
    case SignalError::NoSession:
      return sendError(message, ErrorReceipt::Reason::NoSession, now);
    case SignalError::UnknownPreKey:
    case SignalError::UnknownSignedPreKey:
      return sendError(message, ErrorReceipt::Reason::UnknownPreKey, now);
    case SignalError::InvalidMessage:
    case SignalError::TooFarAhead:
      return sendError(message, ErrorReceipt::Reason::CannotDecrypt, now);
    case SignalError::Malformed:
    case SignalError::UnsupportedVersion:
    case SignalError::InvalidKey:
    case SignalError::InvalidSignature:
    case SignalError::ChainExhausted:
      // No session of an honest device makes such a message: the server did, and gets no answer.
      ++counters_.refused;
      return;
  }
}

void Messenger::holdIncoming(IncomingMessage message) {
  const auto parsed = signal::PreKeySignalMessage::parse(message.body);
  if (!parsed) return;
  const DeviceId from = message.from;
  log_.hold(std::move(message));
  identityChanged(from, parsed->identityKey);
}

void Messenger::sendError(const IncomingMessage& message, ErrorReceipt::Reason reason, base::Timestamp now) {
  ++counters_.refused;
  if (errorsSent_.size() >= maxErrorsRemembered) errorsSent_.clear();
  if (!errorsSent_.emplace(message.from, message.id).second) return;
  RateLimit& limit = errorLimits_.try_emplace(message.from, errorBurst, errorInterval).first->second;
  if (!limit.take(now)) return;
  ++counters_.errorsSent;
  const auto wire = encodeErrorReceipt({message.id, reason});
  OutgoingMessage error;
  error.id = drawId();
  error.group = groupReceipt;
  error.store = message.seq != 0;
  error.recipients.push_back({message.from, EnvelopeType::Error, {wire.begin(), wire.end()}});
  errors_.push_back(std::move(error));
}

void Messenger::onErrorReceipt(const DeviceId& from, const ErrorReceipt& receipt, base::Timestamp now) {
  Outbox::Entry* entry = outbox_.find(from, receipt.message);
  if (entry == nullptr || entry->resent) return;
  // Of a session that has been replaced since: the message is all that is missing.
  if (entry->session == sessions_[from] || !store_.hasSession(from)) {
    const bool underway = !store_.hasSession(from) && waiting_.count(from) > 0;
    PeriodLimit& limit = recoveries_.try_emplace(from, maxRecoveries, recoveryPeriod).first->second;
    if (!underway && !limit.take(now)) return;
    if (!underway) ++counters_.recoveries;
    store_.archiveSession(from);
  }
  entry->resent = true;
  log_.sendAgain(from, receipt.message);
  ++counters_.resent;
  deliver(entry->job, from, /*resend=*/true, now);
}

}  // namespace sotto::client::e2ee
