// Keys of this device; see the header.
#include "client/native/e2ee/signal/KeyStore.hpp"

#include <algorithm>

namespace sotto::e2ee::signal {
namespace {

uint32_t idAfter(uint32_t id) {
  return id >= KeyStore::maxPreKeyId ? 1 : id + 1;
}

bool isPreKeyId(uint32_t id) {
  return id >= 1 && id <= KeyStore::maxPreKeyId;
}

}  // namespace

KeyStore KeyStore::create(base::Random& random, uint64_t now) {
  KeyStore store;
  store.identity_ = KeyPair::generate(random);
  store.registrationId_ = 1 + random.u32() % maxRegistrationId;
  store.nextOneTimeId_ = 1 + random.u32() % maxPreKeyId;
  store.signed_.push_back(store.makeSignedPreKey(1, random, now));
  return store;
}

KeyStore::SignedPreKey KeyStore::makeSignedPreKey(uint32_t id, base::Random& random, uint64_t now) const {
  SignedPreKey key{id, KeyPair::generate(random), {}, now};
  key.signature = sign(identity_.privateKey, key.pair.publicKey.serialize(), random);
  return key;
}

PublicSignedPreKey KeyStore::signedPreKey() const {
  const SignedPreKey& current = signed_.back();
  return {current.id, current.pair.publicKey, current.signature};
}

bool KeyStore::signedPreKeyIsDue(uint64_t now) const {
  return now >= signed_.back().created && now - signed_.back().created >= signedPreKeySeconds;
}

PublicSignedPreKey KeyStore::renewSignedPreKey(base::Random& random, uint64_t now) {
  signed_.push_back(makeSignedPreKey(idAfter(signed_.back().id), random, now));
  if (signed_.size() > 2) signed_.erase(signed_.begin());
  return signedPreKey();
}

const KeyPair* KeyStore::findSignedPreKey(uint32_t id) const {
  const auto found = std::ranges::find(signed_, id, &SignedPreKey::id);
  return found == signed_.end() ? nullptr : &found->pair;
}

std::vector<PublicPreKey> KeyStore::createOneTimePreKeys(size_t count, base::Random& random) {
  std::vector<PublicPreKey> made;
  for (size_t i = 0; i < std::min(count, maxOneTimePreKeys); ++i) {
    const OneTimePreKey key{nextOneTimeId_, KeyPair::generate(random)};
    nextOneTimeId_ = idAfter(nextOneTimeId_);
    oneTime_.push_back(key);
    made.push_back({key.id, key.pair.publicKey});
  }
  if (oneTime_.size() > maxOneTimePreKeys) {
    oneTime_.erase(oneTime_.begin(), oneTime_.end() - static_cast<ptrdiff_t>(maxOneTimePreKeys));
  }
  return made;
}

std::vector<PublicPreKey> KeyStore::oneTimePreKeys() const {
  std::vector<PublicPreKey> keys;
  for (const OneTimePreKey& key : oneTime_) keys.push_back({key.id, key.pair.publicKey});
  return keys;
}

const KeyPair* KeyStore::findOneTimePreKey(uint32_t id) const {
  const auto found = std::ranges::find(oneTime_, id, &OneTimePreKey::id);
  return found == oneTime_.end() ? nullptr : &found->pair;
}

void KeyStore::removeOneTimePreKey(uint32_t id) {
  std::erase_if(oneTime_, [id](const OneTimePreKey& key) { return key.id == id; });
}

void KeyStore::write(StateWriter& out) const {
  out.keyPair(identity_);
  out.u32(registrationId_);
  out.count(signed_.size());
  for (const SignedPreKey& key : signed_) {
    out.u32(key.id);
    out.keyPair(key.pair);
    out.raw(key.signature);
    out.u64(key.created);
  }
  out.count(oneTime_.size());
  for (const OneTimePreKey& key : oneTime_) {
    out.u32(key.id);
    out.keyPair(key.pair);
  }
  out.u32(nextOneTimeId_);
}

Result<KeyStore> KeyStore::read(StateReader& in) {
  KeyStore store;
  store.identity_ = in.keyPair();
  store.registrationId_ = in.u32();
  const size_t signedKeys = in.count(2, 4 + 32 + 64 + 8);
  for (size_t i = 0; i < signedKeys && in.ok(); ++i) {
    SignedPreKey& key = store.signed_.emplace_back();
    key.id = in.u32();
    key.pair = in.keyPair();
    std::ranges::copy(in.raw(key.signature.size()), key.signature.begin());
    key.created = in.u64();
    if (!isPreKeyId(key.id)) in.fail();
  }
  const size_t oneTimeKeys = in.count(maxOneTimePreKeys, 4 + 32);
  for (size_t i = 0; i < oneTimeKeys && in.ok(); ++i) {
    OneTimePreKey& key = store.oneTime_.emplace_back();
    key.id = in.u32();
    key.pair = in.keyPair();
    if (!isPreKeyId(key.id)) in.fail();
  }
  store.nextOneTimeId_ = in.u32();
  if (!in.ok() || store.signed_.empty() || !isPreKeyId(store.nextOneTimeId_)) {
    return refuse(SignalError::Malformed);
  }
  return store;
}

}  // namespace sotto::e2ee::signal
