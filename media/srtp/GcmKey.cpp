// AES-GCM for SRTP over OpenSSL EVP (RFC 7714 sections 8 and 9).
#include "media/srtp/GcmKey.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

namespace sotto::srtp {
namespace {

/// A fetched cipher: EVP_aes_128_gcm() would be looked up among the providers again for every context.
const EVP_CIPHER* gcmCipher(size_t keyBytes) {
  static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  if (keyBytes == 16) return aes128;
  return keyBytes == 32 ? aes256 : nullptr;
}

}  // namespace

void GcmKey::Free::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

GcmKey::GcmKey(base::ByteView key, base::ByteView salt, Direction direction)
    : context_(EVP_CIPHER_CTX_new()) {
  const EVP_CIPHER* cipher = gcmCipher(key.size());
  if (cipher == nullptr || salt.size() != saltLength) {
    throw std::runtime_error("AES-GCM with a key or salt of a wrong size");
  }
  std::copy(salt.begin(), salt.end(), salt_.begin());
  // The default length of the initialization vector is 12 bytes, as RFC 7714 has it.
  if (context_ == nullptr || EVP_CipherInit_ex(context_.get(), cipher, nullptr, key.data(), nullptr,
                                               direction == Direction::Seal ? 1 : 0) != 1) {
    throw std::runtime_error("AES-GCM could not be set up in OpenSSL");
  }
}

GcmKey::Iv GcmKey::rtpIv(uint32_t ssrc, uint64_t packetIndex) const {
  Iv iv{};
  base::storeU32(&iv[2], ssrc);
  base::storeU32(&iv[6], static_cast<uint32_t>(packetIndex >> 16));
  base::storeU16(&iv[10], static_cast<uint16_t>(packetIndex));
  for (size_t i = 0; i < iv.size(); ++i) iv[i] ^= salt_[i];
  return iv;
}

GcmKey::Iv GcmKey::rtcpIv(uint32_t ssrc, uint32_t index) const {
  Iv iv{};
  base::storeU32(&iv[2], ssrc);
  base::storeU32(&iv[8], index & 0x7fff'ffffu);
  for (size_t i = 0; i < iv.size(); ++i) iv[i] ^= salt_[i];
  return iv;
}

bool GcmKey::begin(const Iv& iv) {
  return EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, iv.data(), -1) == 1;
}

bool GcmKey::associate(base::ByteView data) {
  int written = 0;
  return data.empty() ||
         EVP_CipherUpdate(context_.get(), nullptr, &written, data.data(), static_cast<int>(data.size())) == 1;
}

bool GcmKey::transform(base::ByteView in, uint8_t* out) {
  int written = 0;
  return in.empty() ||
         (EVP_CipherUpdate(context_.get(), out, &written, in.data(), static_cast<int>(in.size())) == 1 &&
          written == static_cast<int>(in.size()));
}

bool GcmKey::finishSeal(uint8_t* tag) {
  uint8_t none[16];
  int written = 0;
  return EVP_CipherFinal_ex(context_.get(), none, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tagLength), tag) == 1;
}

bool GcmKey::finishOpen(const uint8_t* tag) {
  uint8_t expected[tagLength];
  std::copy_n(tag, tagLength, expected);
  uint8_t none[16];
  int written = 0;
  return EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tagLength), expected) ==
             1 &&
         EVP_CipherFinal_ex(context_.get(), none, &written) == 1;
}

}  // namespace sotto::srtp
