// Sealing and opening; see the header.
#include "client/native/e2ee/signal/SessionCipher.hpp"

#include "client/native/e2ee/signal/X3dh.hpp"

namespace sotto::e2ee::signal {

Result<void> processBundle(SessionRecord& record, const KeyStore& keys, const PreKeyBundle& bundle,
                           base::Random& random) {
  auto state =
      beginAsInitiator({keys.identity(), keys.registrationId()}, bundle, InitiatorKeys::generate(random));
  if (!state) return refuse(state.error());
  record.promote(std::move(*state));
  return {};
}

Result<CiphertextMessage> encrypt(SessionRecord& record, base::ByteView plaintext) {
  if (!record.hasCurrent()) return refuse(SignalError::NoSession);
  SessionState& state = record.current();
  auto message = state.encrypt(plaintext);
  if (!message) return tl::make_unexpected(message.error());
  CiphertextMessage out;
  if (state.pendingPreKey()) {
    const SessionState::Beginning& beginning = state.beginning();
    const PreKeySignalMessage first{beginning.localRegistrationId,
                                    state.pendingPreKey()->preKeyId,
                                    state.pendingPreKey()->signedPreKeyId,
                                    beginning.baseKey,
                                    beginning.localIdentity,
                                    std::move(*message)};
    out = {CiphertextMessage::Type::PreKey, first.serialize()};
  } else {
    out = {CiphertextMessage::Type::Signal, {message->wire().begin(), message->wire().end()}};
  }
  return out;
}

Result<std::vector<uint8_t>> decryptPreKey(SessionRecord& record, KeyStore& keys,
                                           const PreKeySignalMessage& message, base::Random& random) {
  const auto isOf = [&message](const SessionState& state) {
    return state.beginning().baseKey == message.baseKey &&
           state.beginning().remoteIdentity == message.identityKey;
  };
  if (record.hasCurrent() && isOf(record.current())) {
    SessionState state = record.current();
    auto plaintext = state.decrypt(message.message, random);
    if (plaintext) record.update(std::move(state));
    return plaintext;
  }
  for (size_t i = 0; i < record.archived().size(); ++i) {
    if (!isOf(record.archived()[i])) continue;
    SessionState state = record.archived()[i];
    auto plaintext = state.decrypt(message.message, random);
    if (plaintext) record.promoteArchived(i, std::move(state));
    return plaintext;
  }
  auto state = beginAsResponder(keys, message);
  if (!state) return tl::make_unexpected(state.error());
  auto plaintext = state->decrypt(message.message, random);
  if (!plaintext) return plaintext;
  record.promote(std::move(*state));
  if (message.preKeyId) keys.removeOneTimePreKey(*message.preKeyId);
  return plaintext;
}

Result<std::vector<uint8_t>> decrypt(SessionRecord& record, const SignalMessage& message,
                                     base::Random& random) {
  if (!record.hasCurrent() && record.archived().empty()) return refuse(SignalError::NoSession);
  // Of all that the sessions say, a duplicate is final, and the current session knows best.
  SignalError error = SignalError::InvalidMessage;
  if (record.hasCurrent()) {
    SessionState state = record.current();
    auto plaintext = state.decrypt(message, random);
    if (plaintext) record.update(std::move(state));
    if (plaintext || plaintext.error() == SignalError::DuplicateMessage) return plaintext;
    error = plaintext.error();
  }
  for (size_t i = 0; i < record.archived().size(); ++i) {
    SessionState state = record.archived()[i];
    auto plaintext = state.decrypt(message, random, SessionState::maxArchivedJump);
    if (plaintext) record.promoteArchived(i, std::move(state));
    if (plaintext || plaintext.error() == SignalError::DuplicateMessage) return plaintext;
  }
  return refuse(error);
}

}  // namespace sotto::e2ee::signal
