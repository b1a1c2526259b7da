// The three suites on OpenSSL EVP; see the header. One context for each key: only the nonce changes per
// frame.
#include "client/native/e2ee/SuiteCipher.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "client/native/e2ee/Hkdf.hpp"

namespace sotto::client::e2ee {
namespace {

constexpr size_t hmacSize = 32;

int lengthOf(base::ByteView bytes) {
  return static_cast<int>(bytes.size());
}

// RFC 9605 section 4.4.2: label || KID as 64 bits || suite as 16 bits.
SecretBytes gcmLabel(std::string_view text, uint64_t keyId, frame::Suite suite) {
  SecretBytes label(text.size() + 10);
  base::ByteWriter writer(label.writable());
  writer.bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  writer.u64(keyId);
  writer.u16(static_cast<uint16_t>(suite));
  return label;
}

const EVP_CIPHER* cipherOf(frame::Suite suite) {
  switch (suite) {
    case frame::Suite::Duo:
      return EVP_aes_128_ctr();
    case frame::Suite::Aes128Gcm:
      return EVP_aes_128_gcm();
    case frame::Suite::Aes256Gcm:
      return EVP_aes_256_gcm();
  }
  throw std::logic_error("unknown frame suite");
}

evp_mac_ctx_st* newHmac(base::ByteView key) {
  EVP_MAC* algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(algorithm);
  EVP_MAC_free(algorithm);
  std::string digest = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                                   OSSL_PARAM_construct_end()};
  if (context == nullptr || EVP_MAC_init(context, key.data(), key.size(), parameters) != 1) {
    EVP_MAC_CTX_free(context);
    throw std::runtime_error("OpenSSL offers no HMAC-SHA256");
  }
  return context;
}

}  // namespace

SecretBytes ratchetKey(base::ByteView mediaKey) {
  return hkdf(HashType::Sha256, mediaKey, {}, "SFrameRatchetKey", 32);
}

SuiteKeys deriveSuiteKeys(frame::Suite suite, base::ByteView mediaKey, uint64_t keyId) {
  SuiteKeys keys;
  if (suite == frame::Suite::Duo) {
    keys.encryption = hkdf(HashType::Sha256, mediaKey, {}, "SFrameEncryptionKey", 16);
    keys.authentication = hkdf(HashType::Sha256, mediaKey, {}, "SFrameAuthenticationKey", hmacSize);
    keys.salt = hkdf(HashType::Sha256, mediaKey, {}, "SFrameSaltKey", 16);
    return keys;
  }
  const bool large = suite == frame::Suite::Aes256Gcm;
  const HashType hash = large ? HashType::Sha512 : HashType::Sha256;
  const SecretBytes keyLabel = gcmLabel("SFrame 1.0 Secret key ", keyId, suite);
  const SecretBytes saltLabel = gcmLabel("SFrame 1.0 Secret salt ", keyId, suite);
  keys.encryption = hkdf(hash, mediaKey, {}, keyLabel.view(), large ? 32 : 16);
  keys.salt = hkdf(hash, mediaKey, {}, saltLabel.view(), SuiteCipher::nonceSize);
  return keys;
}

void SuiteCipher::CipherDeleter::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}
void SuiteCipher::MacDeleter::operator()(evp_mac_ctx_st* context) const {
  EVP_MAC_CTX_free(context);
}

SuiteCipher::SuiteCipher(frame::Suite suite, base::ByteView mediaKey, uint64_t keyId)
    : suite_(suite), keyId_(keyId), cipher_(EVP_CIPHER_CTX_new()) {
  SuiteKeys keys = deriveSuiteKeys(suite, mediaKey, keyId);
  salt_ = std::move(keys.salt);
  if (!cipher_ || EVP_EncryptInit_ex(cipher_.get(), cipherOf(suite), nullptr, keys.encryption.view().data(),
                                     nullptr) != 1) {
    throw std::runtime_error("OpenSSL offers no AES");
  }
  if (suite == frame::Suite::Duo) mac_.reset(newHmac(keys.authentication.view()));
}

SuiteCipher::SuiteCipher(SuiteCipher&&) noexcept = default;
SuiteCipher& SuiteCipher::operator=(SuiteCipher&&) noexcept = default;
SuiteCipher::~SuiteCipher() = default;

std::array<uint8_t, SuiteCipher::nonceSize> SuiteCipher::nonce(uint64_t counter) const {
  std::array<uint8_t, nonceSize> out{};
  base::storeU64(out.data() + 4, counter);
  for (size_t i = 0; i < nonceSize; ++i) out[i] = static_cast<uint8_t>(out[i] ^ salt_.view()[i]);
  return out;
}

bool SuiteCipher::seal(uint64_t counter, base::ByteView clear, base::ByteView plain, base::ByteView trailer,
                       base::MutableByteView out) {
  if (out.size() != plain.size() + macLength()) return false;
  if (suite_ != frame::Suite::Duo) return sealGcm(counter, clear, plain, trailer, out);
  std::array<uint8_t, hmacSize> mac{};
  const base::MutableByteView cipherText = out.first(plain.size());
  if (!runCtr(counter, plain, cipherText) || !computeMac(clear, cipherText, trailer, mac)) return false;
  std::memcpy(out.data() + plain.size(), mac.data(), mac.size());
  return true;
}

bool SuiteCipher::open(uint64_t counter, base::ByteView clear, base::ByteView cipherText, base::ByteView mac,
                       base::ByteView trailer, base::MutableByteView out) {
  if (mac.size() != macLength() || out.size() != cipherText.size()) return false;
  bool good = false;
  if (suite_ == frame::Suite::Duo) {
    std::array<uint8_t, hmacSize> expected{};
    good = computeMac(clear, cipherText, trailer, expected) &&
           CRYPTO_memcmp(expected.data(), mac.data(), expected.size()) == 0 &&
           runCtr(counter, cipherText, out);
  } else {
    good = openGcm(counter, clear, cipherText, mac, trailer, out);
  }
  // GCM decrypts before its tag has been checked: nothing of that may stay.
  if (!good && !out.empty()) OPENSSL_cleanse(out.data(), out.size());
  return good;
}

bool SuiteCipher::runCtr(uint64_t counter, base::ByteView in, base::MutableByteView out) {
  // The low 32 bits of the block stay 0: AES-CTR counts the blocks of this frame there.
  std::array<uint8_t, 16> block{};
  const auto frameNonce = nonce(counter);
  std::memcpy(block.data(), frameNonce.data(), frameNonce.size());
  int written = 0;
  return EVP_EncryptInit_ex(cipher_.get(), nullptr, nullptr, nullptr, block.data()) == 1 &&
         (in.empty() || EVP_EncryptUpdate(cipher_.get(), out.data(), &written, in.data(), lengthOf(in)) == 1);
}

bool SuiteCipher::computeMac(base::ByteView clear, base::ByteView cipherText, base::ByteView trailer,
                             std::array<uint8_t, 32>& mac) {
  size_t length = 0;
  return EVP_MAC_init(mac_.get(), nullptr, 0, nullptr) == 1 &&
         EVP_MAC_update(mac_.get(), clear.data(), clear.size()) == 1 &&
         EVP_MAC_update(mac_.get(), cipherText.data(), cipherText.size()) == 1 &&
         EVP_MAC_update(mac_.get(), trailer.data(), trailer.size()) == 1 &&
         EVP_MAC_final(mac_.get(), mac.data(), &length, mac.size()) == 1 && length == mac.size();
}

bool SuiteCipher::gcmAad(bool sealing, uint64_t counter, base::ByteView clear, base::ByteView trailer) {
  const auto frameNonce = nonce(counter);
  std::array<uint8_t, 17> header{};
  const size_t headerSize = frame::writeSFrameHeader(keyId_, counter, header);
  int written = 0;
  EVP_CIPHER_CTX* context = cipher_.get();
  return headerSize != 0 &&
         EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, frameNonce.data(), sealing ? 1 : 0) == 1 &&
         EVP_CipherUpdate(context, nullptr, &written, header.data(), static_cast<int>(headerSize)) == 1 &&
         (clear.empty() ||
          EVP_CipherUpdate(context, nullptr, &written, clear.data(), lengthOf(clear)) == 1) &&
         (trailer.empty() ||
          EVP_CipherUpdate(context, nullptr, &written, trailer.data(), lengthOf(trailer)) == 1);
}

bool SuiteCipher::sealGcm(uint64_t counter, base::ByteView clear, base::ByteView plain,
                          base::ByteView trailer, base::MutableByteView out) {
  EVP_CIPHER_CTX* context = cipher_.get();
  int written = 0;
  uint8_t* tag = out.data() + plain.size();
  return gcmAad(true, counter, clear, trailer) &&
         (plain.empty() ||
          EVP_CipherUpdate(context, out.data(), &written, plain.data(), lengthOf(plain)) == 1) &&
         EVP_CipherFinal_ex(context, tag, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(macLength()), tag) == 1;
}

bool SuiteCipher::openGcm(uint64_t counter, base::ByteView clear, base::ByteView cipherText,
                          base::ByteView mac, base::ByteView trailer, base::MutableByteView out) {
  EVP_CIPHER_CTX* context = cipher_.get();
  int written = 0;
  std::array<uint8_t, 16> tag{};
  std::memcpy(tag.data(), mac.data(), tag.size());
  std::array<uint8_t, 16> rest{};
  return gcmAad(false, counter, clear, trailer) &&
         (cipherText.empty() ||
          EVP_CipherUpdate(context, out.data(), &written, cipherText.data(), lengthOf(cipherText)) == 1) &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) == 1 &&
         EVP_CipherFinal_ex(context, rest.data(), &written) == 1;
}

}  // namespace sotto::client::e2ee
