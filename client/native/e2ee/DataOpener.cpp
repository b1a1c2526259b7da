// Opening of data messages; see the header. Keys and replay windows are kept as FrameOpener does.
#include "client/native/e2ee/DataOpener.hpp"

#include <algorithm>

#include "client/native/e2ee/Hkdf.hpp"
#include "client/native/e2ee/SuiteCipher.hpp"

namespace sotto::client::e2ee {
namespace {

constexpr uint64_t stepMask = 0xFF;

}  // namespace

const char* toString(DataOpenError error) {
  switch (error) {
    case DataOpenError::Malformed:
      return "malformed";
    case DataOpenError::WrongSender:
      return "wrong-sender";
    case DataOpenError::UnknownKey:
      return "unknown-key";
    case DataOpenError::Replay:
      return "replay";
    case DataOpenError::Authentication:
      return "authentication";
  }
  return "unknown";
}

DataOpener::Fingerprint DataOpener::fingerprintOf(base::ByteView mediaKey) {
  Fingerprint out{};
  const SecretBytes derived = hkdf(HashType::Sha256, mediaKey, {}, "SottoKeyFingerprint", out.size());
  std::copy(derived.view().begin(), derived.view().end(), out.begin());
  return out;
}

DataOpener::Key DataOpener::makeKey(uint64_t id, SecretBytes mediaKey) const {
  DataKeys keys(mediaKey.view());
  const auto before = retired_.find({id, fingerprintOf(mediaKey.view())});
  return {std::move(mediaKey), std::move(keys), before == retired_.end() ? ReplayWindow() : before->second};
}

void DataOpener::retire(Keys::iterator begin, Keys::iterator end) {
  for (auto key = begin; key != end; ++key) {
    retired_[{key->first, fingerprintOf(key->second.mediaKey.view())}] = key->second.replay;
  }
  keys_.erase(begin, end);
}

void DataOpener::installKey(KeyId keyId, base::ByteView mediaKey) {
  const uint64_t id = keyId.value();
  const auto known = keys_.find(id);
  if (known != keys_.end()) {
    if (known->second.mediaKey.equals(mediaKey)) return;
    retire(known, keys_.upper_bound(id | stepMask));
  }
  if (retired_.size() >= maxRetiredKeys) return;
  keys_.emplace(id, makeKey(id, SecretBytes(mediaKey)));
  ratchetPause_.erase(keyId.sender);
}

void DataOpener::removeGeneration(uint16_t sender, uint8_t generation) {
  const uint64_t first = KeyId{sender, generation, 0}.value();
  retire(keys_.lower_bound(first), keys_.upper_bound(first | stepMask));
}

void DataOpener::removeSender(uint16_t sender) {
  const uint64_t first = KeyId{sender, 0, 0}.value();
  retire(keys_.lower_bound(first), keys_.upper_bound(first | 0xFFFF));
  ratchetPause_.erase(sender);
}

std::optional<DataOpener::Key> DataOpener::ratchetTo(KeyId target) {
  const uint64_t id = target.value();
  auto from = keys_.lower_bound(id);
  if (from == keys_.begin()) return std::nullopt;
  --from;
  if ((from->first & ~stepMask) != (id & ~stepMask)) return std::nullopt;
  if (unsigned& pause = ratchetPause_[target.sender]; pause > 0) {
    --pause;
    return std::nullopt;
  }
  SecretBytes mediaKey = from->second.mediaKey.clone();
  for (uint64_t step = from->first; step < id; ++step) mediaKey = ratchetKey(mediaKey.view());
  return makeKey(id, std::move(mediaKey));
}

tl::expected<DataOpener::Opened, DataOpenError> DataOpener::open(base::ByteView message,
                                                                 uint16_t expectedSender, uint16_t self,
                                                                 bool reliable) {
  if (message.size() < dataOverhead) return tl::make_unexpected(DataOpenError::Malformed);
  const uint64_t id = base::loadU32(message.data());
  const uint64_t counter = base::loadU64(message.data() + 4);
  const KeyId keyId = KeyId::fromValue(id);
  if (keyId.sender == 0) return tl::make_unexpected(DataOpenError::Malformed);
  if (expectedSender != 0 && keyId.sender != expectedSender) {
    return tl::make_unexpected(DataOpenError::WrongSender);
  }
  const auto known = keys_.find(id);
  std::optional<Key> ratcheted;
  if (known == keys_.end()) ratcheted = ratchetTo(keyId);
  if (known == keys_.end() && !ratcheted) return tl::make_unexpected(DataOpenError::UnknownKey);
  Key& key = ratcheted ? *ratcheted : known->second;
  if (key.replay.seen(counter)) return tl::make_unexpected(DataOpenError::Replay);
  const base::ByteView sealed = message.subspan(dataHeaderSize);
  Opened opened{keyId, {}, 0};
  auto plain = key.keys.open(keyId, counter, {reliable, 0}, sealed);
  if (!plain && self != 0) {
    plain = key.keys.open(keyId, counter, {reliable, self}, sealed);
    opened.destination = self;
  }
  if (!plain) {
    if (ratcheted) ratchetPause_[keyId.sender] = messagesBetweenFailedRatchets;
    return tl::make_unexpected(DataOpenError::Authentication);
  }
  key.replay.accept(counter);
  if (ratcheted) keys_.emplace(id, std::move(*ratcheted));
  opened.plain = std::move(*plain);
  return opened;
}

}  // namespace sotto::client::e2ee
