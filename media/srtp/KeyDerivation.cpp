// RFC 3711 section 4.3: the session key is the AES counter-mode keystream that starts at (salt xor label).
#include "media/srtp/KeyDerivation.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

namespace sotto::srtp {
namespace {
constexpr size_t saltBytes = 14;
/// The label follows the 48-bit index in the 112-bit block that is xored with the salt: byte 14 - 7.
constexpr size_t labelPosition = 7;
}  // namespace

void deriveKey(base::ByteView masterKey, base::ByteView masterSalt, KeyLabel label,
               base::MutableByteView out) {
  if ((masterKey.size() != 16 && masterKey.size() != 32) || masterSalt.size() > saltBytes ||
      out.size() > 1u << 20) {
    throw std::runtime_error("SRTP key derivation with a key or salt of a wrong size");
  }
  std::array<uint8_t, 16> iv{};
  std::copy(masterSalt.begin(), masterSalt.end(), iv.begin());
  iv[labelPosition] ^= static_cast<uint8_t>(label);
  std::fill(out.begin(), out.end(), uint8_t{0});

  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                &EVP_CIPHER_CTX_free);
  const EVP_CIPHER* cipher = masterKey.size() == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr();
  int written = 0;
  if (context == nullptr ||
      EVP_EncryptInit_ex(context.get(), cipher, nullptr, masterKey.data(), iv.data()) != 1 ||
      EVP_EncryptUpdate(context.get(), out.data(), &written, out.data(), static_cast<int>(out.size())) != 1) {
    throw std::runtime_error("AES counter mode failed in OpenSSL");
  }
}

}  // namespace sotto::srtp
