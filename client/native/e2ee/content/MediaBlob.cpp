// Sealed files, over OpenSSL; see the header. It fails only when OpenSSL itself is broken, which is a reason
// to stop.
#include "client/native/e2ee/content/MediaBlob.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

#include "client/native/e2ee/Hkdf.hpp"

namespace sotto::client::e2ee {

namespace {

constexpr size_t keySize = 32;
constexpr size_t ivSize = 16;
/// EVP counts in int.
constexpr size_t longestUpdate = size_t{1} << 30;

void require(bool good) {
  if (!good) throw std::runtime_error("OpenSSL cannot work on a blob");
}

}  // namespace

void BlobCipher::Free::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}
void BlobDigest::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

BlobCipher::BlobCipher(base::ByteView km) : context_(EVP_CIPHER_CTX_new()) {
  const SecretBytes key = hkdf(HashType::Sha256, km, {}, "MediaEncryptionKey", keySize);
  const SecretBytes iv = hkdf(HashType::Sha256, km, {}, "MediaEncryptionIv", ivSize);
  require(EVP_EncryptInit_ex(context_.get(), EVP_aes_256_ctr(), nullptr, key.view().data(),
                             iv.view().data()) == 1);
}
BlobCipher::BlobCipher(BlobCipher&&) noexcept = default;
BlobCipher& BlobCipher::operator=(BlobCipher&&) noexcept = default;
BlobCipher::~BlobCipher() = default;

void BlobCipher::apply(base::MutableByteView piece) {
  while (!piece.empty()) {
    const size_t size = std::min(piece.size(), longestUpdate);
    int written = 0;
    require(EVP_EncryptUpdate(context_.get(), piece.data(), &written, piece.data(), static_cast<int>(size)) ==
            1);
    piece = piece.subspan(size);
  }
}

BlobDigest::BlobDigest() : context_(EVP_MD_CTX_new()) {
  require(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}
BlobDigest::BlobDigest(BlobDigest&&) noexcept = default;
BlobDigest& BlobDigest::operator=(BlobDigest&&) noexcept = default;
BlobDigest::~BlobDigest() = default;

void BlobDigest::update(base::ByteView piece) {
  require(EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) == 1);
}

Sha256Digest BlobDigest::finish() {
  Sha256Digest digest{};
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1 && size == digest.size());
  return digest;
}

SealedBlob sealBlob(base::ByteView km, base::ByteView plain) {
  SealedBlob blob;
  blob.bytes.assign(plain.begin(), plain.end());
  BlobCipher(km).apply(blob.bytes);
  BlobDigest digest;
  digest.update(blob.bytes);
  blob.digest = digest.finish();
  return blob;
}

std::optional<std::vector<uint8_t>> openBlob(const MediaMessage& message, base::ByteView sealed) {
  if (sealed.size() != message.size) return std::nullopt;
  BlobDigest digest;
  digest.update(sealed);
  const Sha256Digest found = digest.finish();
  if (CRYPTO_memcmp(found.data(), message.digest.data(), found.size()) != 0) return std::nullopt;
  std::vector<uint8_t> plain(sealed.begin(), sealed.end());
  BlobCipher(message.km.view()).apply(plain);
  return plain;
}

}  // namespace sotto::client::e2ee
