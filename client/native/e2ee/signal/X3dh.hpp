// X3DH ("The X3DH Key Agreement Protocol", section 3.3): how a session begins, on both sides. The secrets
// start with 32 bytes 0xFF, as all deployed implementations have it.
#pragma once

#include "client/native/e2ee/signal/KeyStore.hpp"
#include "client/native/e2ee/signal/PreKeySignalMessage.hpp"
#include "client/native/e2ee/signal/SessionState.hpp"

namespace sotto::e2ee::signal {

/// The keys that the initiator draws for one session.
struct InitiatorKeys {
  KeyPair base;     ///< X3DH's ephemeral key
  KeyPair ratchet;  ///< the first ratchet key

  static InitiatorKeys generate(base::Random& random);
};

/// Who the initiator is.
struct LocalDevice {
  const KeyPair& identity;
  uint32_t registrationId;
};

/// The initiator's side of a session. InvalidSignature, InvalidKey.
Result<SessionState> beginAsInitiator(const LocalDevice& local, const PreKeyBundle& bundle,
                                      const InitiatorKeys& keys);

/// The responder's side, from the first message that arrives: UnknownSignedPreKey, UnknownPreKey, InvalidKey.
/// Leaves the one-time prekey where it is: nothing is known to be true until the inner message has opened.
Result<SessionState> beginAsResponder(const KeyStore& local, const PreKeySignalMessage& message);

}  // namespace sotto::e2ee::signal
