// Key derivation of the Double Ratchet; see the header.
#include "client/native/e2ee/signal/Ratchet.hpp"

#include <sodium/crypto_auth_hmacsha256.h>

#include "client/native/e2ee/Hkdf.hpp"
#include "client/native/e2ee/SecretNotice.hpp"

namespace sotto::e2ee::signal {
namespace {

using client::e2ee::HashType;
using client::e2ee::hkdf;
using client::e2ee::SecretBytes;

constexpr uint8_t messageKeySeed[] = {0x01};
constexpr uint8_t chainKeySeed[] = {0x02};

RootStep split(const SecretBytes& derived) {
  return {{Secret32(derived.view().first(32))}, {Secret32(derived.view().subspan(32)), 0}};
}

}  // namespace

Secret32 hmacSha256(base::ByteView key, base::ByteView data) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.data(), key.size());
  crypto_auth_hmacsha256_update(&state, data.data(), data.size());
  Secret32 out;
  crypto_auth_hmacsha256_final(&state, out.data());
  sodium_memzero(&state, sizeof state);
  return out;
}

MessageKeys MessageKeys::derive(const Secret32& seed) {
  const SecretBytes derived = hkdf(HashType::Sha256, seed.view(), {}, "WhisperMessageKeys", 80);
  return {Secret32(derived.view()), Secret32(derived.view().subspan(32)),
          SecretArray<16>(derived.view().subspan(64))};
}

Secret32 ChainKey::seed() const {
  return hmacSha256(key.view(), messageKeySeed);
}

ChainKey ChainKey::next() const {
  ChainKey following{hmacSha256(key.view(), chainKeySeed), index + 1};
  client::e2ee::noticeSecret("chain key", following.key.view());
  return following;
}

Result<RootStep> RootKey::step(const PublicKey& theirs, const PrivateKey& ours) const {
  const auto shared = ours.agree(theirs);
  if (!shared) return tl::make_unexpected(shared.error());
  return split(hkdf(HashType::Sha256, shared->view(), key.view(), "WhisperRatchet", 64));
}

RootStep deriveFirstKeys(base::ByteView secrets) {
  return split(hkdf(HashType::Sha256, secrets, {}, "WhisperText", 64));
}

}  // namespace sotto::e2ee::signal
