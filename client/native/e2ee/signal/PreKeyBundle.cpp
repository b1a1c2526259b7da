// Bundles from the directory, which is not trusted; see the header.
#include "client/native/e2ee/signal/PreKeyBundle.hpp"

namespace sotto::e2ee::signal {

Result<PreKeyBundle> PreKeyBundle::fromParts(const Parts& parts) {
  const auto identity = PublicKey::parse(parts.identityKey);
  const auto signedKey = PublicKey::parse(parts.signedPreKey);
  if (!identity || !signedKey) return refuse(SignalError::InvalidKey);
  PreKeyBundle bundle;
  if (parts.signature.size() != bundle.signedPreKey.signature.size()) return refuse(SignalError::Malformed);
  bundle.registrationId = parts.registrationId;
  bundle.identityKey = *identity;
  bundle.signedPreKey.id = parts.signedPreKeyId;
  bundle.signedPreKey.key = *signedKey;
  std::copy(parts.signature.begin(), parts.signature.end(), bundle.signedPreKey.signature.begin());
  if (parts.preKeyId) {
    const auto oneTime = PublicKey::parse(parts.preKey);
    if (!oneTime) return refuse(SignalError::InvalidKey);
    bundle.oneTimePreKey = PublicPreKey{*parts.preKeyId, *oneTime};
  }
  if (!bundle.isSigned()) return refuse(SignalError::InvalidSignature);
  return bundle;
}

bool PreKeyBundle::isSigned() const {
  return verify(identityKey, signedPreKey.key.serialize(), signedPreKey.signature);
}

}  // namespace sotto::e2ee::signal
