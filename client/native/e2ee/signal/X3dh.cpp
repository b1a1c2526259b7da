// X3DH on both sides; see the header.
#include "client/native/e2ee/signal/X3dh.hpp"

#include <algorithm>

namespace sotto::e2ee::signal {
namespace {

/// 32 bytes 0xFF, then three or four agreements, in memory that is wiped.
class Secrets {
 public:
  Secrets() { std::fill_n(bytes_.data(), 32, uint8_t{0xff}); }
  /// False when the other's key is of low order.
  bool add(const PrivateKey& ours, const PublicKey& theirs) {
    const auto shared = ours.agree(theirs);
    if (shared) std::copy_n(shared->data(), 32, bytes_.data() + size_);
    size_ += 32;
    return shared.has_value();
  }
  base::ByteView view() const { return bytes_.view().first(size_); }

 private:
  SecretArray<size_t{5} * 32> bytes_;
  size_t size_ = 32;
};

}  // namespace

InitiatorKeys InitiatorKeys::generate(base::Random& random) {
  const KeyPair base = KeyPair::generate(random);
  return {base, KeyPair::generate(random)};
}

Result<SessionState> beginAsInitiator(const LocalDevice& local, const PreKeyBundle& bundle,
                                      const InitiatorKeys& keys) {
  if (!bundle.isSigned()) return refuse(SignalError::InvalidSignature);
  Secrets secrets;
  bool good = secrets.add(local.identity.privateKey, bundle.signedPreKey.key);
  good &= secrets.add(keys.base.privateKey, bundle.identityKey);
  good &= secrets.add(keys.base.privateKey, bundle.signedPreKey.key);
  if (bundle.oneTimePreKey) good &= secrets.add(keys.base.privateKey, bundle.oneTimePreKey->key);
  if (!good) return refuse(SignalError::InvalidKey);

  const RootStep first = deriveFirstKeys(secrets.view());
  const auto sending = first.root.step(bundle.signedPreKey.key, keys.ratchet.privateKey);
  if (!sending) return tl::make_unexpected(sending.error());
  SessionState::PendingPreKey pending{std::nullopt, bundle.signedPreKey.id, 0};
  if (bundle.oneTimePreKey) pending.preKeyId = bundle.oneTimePreKey->id;
  return SessionState::initiator({local.identity.publicKey, bundle.identityKey, local.registrationId,
                                  bundle.registrationId, keys.base.publicKey},
                                 first, bundle.signedPreKey.key, *sending, keys.ratchet, pending);
}

Result<SessionState> beginAsResponder(const KeyStore& local, const PreKeySignalMessage& message) {
  const KeyPair* signedPreKey = local.findSignedPreKey(message.signedPreKeyId);
  if (signedPreKey == nullptr) return refuse(SignalError::UnknownSignedPreKey);
  const KeyPair* oneTime = nullptr;
  if (message.preKeyId) {
    oneTime = local.findOneTimePreKey(*message.preKeyId);
    if (oneTime == nullptr) return refuse(SignalError::UnknownPreKey);
  }
  Secrets secrets;
  bool good = secrets.add(signedPreKey->privateKey, message.identityKey);
  good &= secrets.add(local.identity().privateKey, message.baseKey);
  good &= secrets.add(signedPreKey->privateKey, message.baseKey);
  if (oneTime != nullptr) good &= secrets.add(oneTime->privateKey, message.baseKey);
  if (!good) return refuse(SignalError::InvalidKey);
  return SessionState::responder({local.identity().publicKey, message.identityKey, local.registrationId(),
                                  message.registrationId, message.baseKey},
                                 deriveFirstKeys(secrets.view()), *signedPreKey);
}

}  // namespace sotto::e2ee::signal
