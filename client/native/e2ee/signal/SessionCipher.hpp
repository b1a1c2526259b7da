// Sealing and opening with a session record, as deployed. Pure: what changes are the arguments, and only when
// the operation succeeds. Applications use DeviceStore, which also knows whom it trusts and lets no
// ciphertext out before the state behind it is stored.
#pragma once

#include "client/native/e2ee/signal/KeyStore.hpp"
#include "client/native/e2ee/signal/PreKeySignalMessage.hpp"
#include "client/native/e2ee/signal/SessionRecord.hpp"

namespace sotto::e2ee::signal {

/// A sealed message and which of the two kinds it is: the envelope says so.
struct CiphertextMessage {
  enum class Type : uint8_t { PreKey, Signal };
  Type type = Type::Signal;
  std::vector<uint8_t> body;
};

/// Begins a session from a bundle and makes it the current one. InvalidSignature, InvalidKey.
Result<void> processBundle(SessionRecord& record, const KeyStore& keys, const PreKeyBundle& bundle,
                           base::Random& random);

/// Seals with the current session. NoSession, ChainExhausted; Malformed for a plaintext above
/// maxPlaintextSize.
Result<CiphertextMessage> encrypt(SessionRecord& record, base::ByteView plaintext);

/// Opens the first kind; a session that it begins becomes the current one. Uses up the one-time prekey.
/// Errors of beginAsResponder and SessionState::decrypt. That the sender's identity is the one expected must
/// have been checked before.
Result<std::vector<uint8_t>> decryptPreKey(SessionRecord& record, KeyStore& keys,
                                           const PreKeySignalMessage& message, base::Random& random);

/// Opens the second kind, with the current session or an archived one, which then becomes the current one.
/// NoSession, DuplicateMessage, TooFarAhead, InvalidKey, InvalidMessage.
Result<std::vector<uint8_t>> decrypt(SessionRecord& record, const SignalMessage& message,
                                     base::Random& random);

}  // namespace sotto::e2ee::signal
