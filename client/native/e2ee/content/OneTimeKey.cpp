// The one-time-key form, over libsodium; see the header.
#include "client/native/e2ee/content/OneTimeKey.hpp"

#include <sodium/crypto_aead_chacha20poly1305.h>
#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>

#include "client/native/e2ee/Hkdf.hpp"

namespace sotto::client::e2ee {

namespace {

constexpr size_t keySize = crypto_aead_chacha20poly1305_ietf_KEYBYTES;
constexpr size_t nonceSize = crypto_aead_chacha20poly1305_ietf_NPUBBYTES;
constexpr size_t tagSize = crypto_aead_chacha20poly1305_ietf_ABYTES;

/// A key seals one message, so its nonce may follow from it.
struct KeyAndNonce {
  explicit KeyAndNonce(base::ByteView km)
      : key(hkdf(HashType::Sha256, km, {}, "OTKEncryptionKey", keySize)),
        nonce(hkdf(HashType::Sha256, km, {}, "OTKEncryptionIV", nonceSize)) {}
  SecretBytes key, nonce;
};

void append(std::vector<uint8_t>& out, std::string_view text) {
  out.push_back(static_cast<uint8_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

}  // namespace

std::vector<uint8_t> SharedContext::aad() const {
  std::vector<uint8_t> out{static_cast<uint8_t>(purpose)};
  append(out, group);
  append(out, sender.user);
  append(out, sender.device);
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

Sha256Digest sha256(base::ByteView bytes) {
  Sha256Digest digest{};
  crypto_hash_sha256(digest.data(), bytes.data(), bytes.size());
  return digest;
}

std::vector<uint8_t> sealOneTime(base::ByteView km, base::ByteView plain, base::ByteView aad) {
  const KeyAndNonce keys(km);
  std::vector<uint8_t> sealed(plain.size() + tagSize);
  crypto_aead_chacha20poly1305_ietf_encrypt(sealed.data(), nullptr, plain.data(), plain.size(), aad.data(),
                                            aad.size(), nullptr, keys.nonce.view().data(),
                                            keys.key.view().data());
  return sealed;
}

std::optional<SecretBytes> openOneTime(base::ByteView km, base::ByteView sealed, base::ByteView aad) {
  if (sealed.size() < tagSize) return std::nullopt;
  const KeyAndNonce keys(km);
  SecretBytes plain(sealed.size() - tagSize);
  if (crypto_aead_chacha20poly1305_ietf_decrypt(plain.writable().data(), nullptr, nullptr, sealed.data(),
                                                sealed.size(), aad.data(), aad.size(),
                                                keys.nonce.view().data(), keys.key.view().data()) != 0) {
    return std::nullopt;
  }
  return plain;
}

SharedBody sealShared(base::ByteView padded, const SharedContext& context, base::Random& random) {
  SharedBody shared;
  shared.key.km = SecretBytes(SharedKey::kmSize);
  random.fill(shared.key.km.writable());
  shared.sealed = sealOneTime(shared.key.km.view(), padded, context.aad());
  shared.key.digest = sha256(shared.sealed);
  return shared;
}

std::optional<SecretBytes> openShared(const SharedKey& key, base::ByteView sealed,
                                      const SharedContext& context) {
  const Sha256Digest digest = sha256(sealed);
  if (sodium_memcmp(digest.data(), key.digest.data(), digest.size()) != 0) return std::nullopt;
  return openOneTime(key.km.view(), sealed, context.aad());
}

}  // namespace sotto::client::e2ee
