// Opening of incoming frames; see the header.
#include "client/native/e2ee/FrameOpener.hpp"

#include <algorithm>

#include "client/native/e2ee/Hkdf.hpp"

namespace sotto::client::e2ee {
namespace {

constexpr uint64_t stepMask = 0xFF;  // of a KID

bool sameGeneration(uint64_t a, uint64_t b) {
  return (a & ~stepMask) == (b & ~stepMask);
}

}  // namespace

const char* toString(OpenError error) {
  switch (error) {
    case OpenError::Empty:
      return "empty";
    case OpenError::Trailer:
      return "trailer";
    case OpenError::WrongSender:
      return "wrong-sender";
    case OpenError::UnknownKey:
      return "unknown-key";
    case OpenError::WrongSuite:
      return "wrong-suite";
    case OpenError::Replay:
      return "replay";
    case OpenError::Authentication:
      return "authentication";
  }
  return "unknown";
}

FrameOpener::Fingerprint FrameOpener::fingerprintOf(base::ByteView mediaKey) {
  Fingerprint out{};
  const SecretBytes derived = hkdf(HashType::Sha256, mediaKey, {}, "SottoKeyFingerprint", out.size());
  std::copy(derived.view().begin(), derived.view().end(), out.begin());
  return out;
}

void FrameOpener::retire(Keys::iterator begin, Keys::iterator end) {
  for (auto key = begin; key != end; ++key) {
    retired_[{key->first, fingerprintOf(key->second.mediaKey.view())}] = key->second.replay;
  }
  keys_.erase(begin, end);
}

FrameOpener::ReceiveKey FrameOpener::makeKey(uint64_t id, frame::Suite suite, SecretBytes mediaKey) const {
  SuiteCipher cipher(suite, mediaKey.view(), id);
  const auto before = retired_.find({id, fingerprintOf(mediaKey.view())});
  return {std::move(mediaKey), std::move(cipher), before == retired_.end() ? ReplayWindow() : before->second};
}

void FrameOpener::installKey(KeyId keyId, frame::Suite suite, base::ByteView mediaKey) {
  const uint64_t id = keyId.value();
  const auto known = keys_.find(id);
  if (known != keys_.end()) {
    // The replay window of a key must outlive its second announcement.
    if (known->second.mediaKey.equals(mediaKey) && known->second.cipher.suite() == suite) return;
    retire(known, keys_.upper_bound(id | stepMask));
  }
  if (retired_.size() >= maxRetiredKeys) return;
  keys_.emplace(id, makeKey(id, suite, SecretBytes(mediaKey)));
  ratchetPause_.erase(keyId.sender);
}

void FrameOpener::removeGeneration(uint16_t sender, uint8_t generation) {
  const uint64_t first = KeyId{sender, generation, 0}.value();
  retire(keys_.lower_bound(first), keys_.upper_bound(first | stepMask));
}

void FrameOpener::removeSender(uint16_t sender) {
  const uint64_t first = KeyId{sender, 0, 0}.value();
  retire(keys_.lower_bound(first), keys_.upper_bound(first | 0xFFFF));
  ratchetPause_.erase(sender);
}

bool FrameOpener::hasKeyOf(uint16_t sender) const {
  const auto key = keys_.lower_bound(KeyId{sender, 0, 0}.value());
  return key != keys_.end() && KeyId::fromValue(key->first).sender == sender;
}

// The key that `target` would have, from the nearest lower step of its generation that we hold.
std::optional<FrameOpener::ReceiveKey> FrameOpener::ratchetTo(KeyId target) {
  const uint64_t id = target.value();
  auto from = keys_.lower_bound(id);
  if (from == keys_.begin()) return std::nullopt;
  --from;
  if (!sameGeneration(from->first, id)) return std::nullopt;
  if (unsigned& pause = ratchetPause_[target.sender]; pause > 0) {
    --pause;
    return std::nullopt;
  }
  SecretBytes mediaKey = from->second.mediaKey.clone();
  for (uint64_t step = from->first; step < id; ++step) mediaKey = ratchetKey(mediaKey.view());
  return makeKey(id, from->second.cipher.suite(), std::move(mediaKey));
}

tl::expected<frame::FrameMetadata, OpenError> FrameOpener::open(base::ByteView sealed,
                                                                std::vector<uint8_t>& out,
                                                                uint16_t expectedSender) {
  if (sealed.empty()) return tl::make_unexpected(OpenError::Empty);
  const auto parsed = frame::parseFrameMetadata(sealed);
  if (!parsed) return tl::make_unexpected(OpenError::Trailer);
  const frame::FrameMetadata& metadata = parsed->metadata;
  if (expectedSender != 0 && metadata.sender() != expectedSender) {
    return tl::make_unexpected(OpenError::WrongSender);
  }
  const auto known = keys_.find(metadata.keyId);
  std::optional<ReceiveKey> ratcheted;
  if (known == keys_.end()) ratcheted = ratchetTo(KeyId::fromValue(metadata.keyId));
  if (known == keys_.end() && !ratcheted) return tl::make_unexpected(OpenError::UnknownKey);
  ReceiveKey& key = ratcheted ? *ratcheted : known->second;
  if (key.cipher.suite() != metadata.suite) return tl::make_unexpected(OpenError::WrongSuite);
  if (key.replay.seen(metadata.counter)) return tl::make_unexpected(OpenError::Replay);

  const Parts parts = split(sealed, *parsed, key.cipher.macLength());
  const size_t start = out.size();
  out.insert(out.end(), parts.clear.begin(), parts.clear.end());
  out.resize(start + parts.clear.size() + parts.cipherText.size());
  if (!key.cipher.open(metadata.counter, parts.clear, parts.cipherText, parts.mac, parts.trailer,
                       base::MutableByteView(out).subspan(start + parts.clear.size()))) {
    out.resize(start);
    if (ratcheted) ratchetPause_[metadata.sender()] = framesBetweenFailedRatchets;
    return tl::make_unexpected(OpenError::Authentication);
  }
  key.replay.accept(metadata.counter);
  if (ratcheted) keys_.emplace(metadata.keyId, std::move(*ratcheted));
  return metadata;
}

FrameOpener::Parts FrameOpener::split(base::ByteView sealed, const frame::ParsedMetadata& parsed,
                                      size_t macLength) {
  const base::ByteView body = sealed.first(sealed.size() - parsed.encodedSize);
  const base::ByteView rest = body.subspan(parsed.metadata.clearLength);
  return {body.first(parsed.metadata.clearLength), rest.first(rest.size() - macLength), rest.last(macLength),
          sealed.last(parsed.encodedSize)};
}

}  // namespace sotto::client::e2ee
