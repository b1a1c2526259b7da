// HKDF and scrypt by OpenSSL 3; see the header. Both fail only when OpenSSL itself is broken or out of
// memory, which is a reason to stop: a key that silently is not what it should be must not exist.
#include "client/native/e2ee/Hkdf.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "client/native/e2ee/SecretNotice.hpp"

namespace sotto::client::e2ee {
namespace {

struct KdfDeleter {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

OSSL_PARAM octets(const char* name, base::ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<uint8_t*>(bytes.data()), bytes.size());
}

base::ByteView bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Tells of both sides of a derivation. What comes out is several keys side by side, each kept by itself.
void noticeDerivation(base::ByteView inputKey, base::ByteView info, base::ByteView out) {
  constexpr size_t keySize = 32;
  // The labels of SFrame end in numbers.
  const auto end = std::find_if(info.begin(), info.end(), [](uint8_t c) { return c < ' ' || c > '~'; });
  const std::string label(info.begin(), end);
  noticeSecret("what " + label + " is of", inputKey);
  for (size_t at = 0; at < out.size(); at += keySize) {
    noticeSecret(label + " " + std::to_string(at / keySize),
                 out.subspan(at, std::min(keySize, out.size() - at)));
  }
}

// scrypt's cost: 32 MiB and about a tenth of a second, bearable in a browser tab on a phone.
constexpr uint64_t scryptN = uint64_t{1} << 15;
constexpr uint64_t scryptR = 8;
constexpr uint64_t scryptP = 1;
// 128 * N * r bytes are needed; OpenSSL's own bound is just below that.
constexpr uint64_t scryptMaxMemory = uint64_t{64} << 20;

}  // namespace

SecretBytes hkdf(HashType hash, base::ByteView inputKey, base::ByteView salt, base::ByteView info,
                 size_t length) {
  const std::unique_ptr<EVP_KDF, KdfDeleter> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, KdfDeleter> context(EVP_KDF_CTX_new(kdf.get()));
  std::string digest = hash == HashType::Sha256 ? "SHA256" : "SHA512";
  OSSL_PARAM parameters[5];
  size_t count = 0;
  parameters[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0);
  parameters[count++] = octets(OSSL_KDF_PARAM_KEY, inputKey);
  if (!salt.empty()) parameters[count++] = octets(OSSL_KDF_PARAM_SALT, salt);
  if (!info.empty()) parameters[count++] = octets(OSSL_KDF_PARAM_INFO, info);
  parameters[count] = OSSL_PARAM_construct_end();
  SecretBytes out(length);
  if (!context || EVP_KDF_derive(context.get(), out.writable().data(), length, parameters) != 1) {
    throw std::runtime_error("OpenSSL cannot derive a key with HKDF");
  }
  if (secretsAreHeard()) noticeDerivation(inputKey, info, out.view());
  return out;
}

SecretBytes hkdf(HashType hash, base::ByteView inputKey, base::ByteView salt, std::string_view info,
                 size_t length) {
  return hkdf(hash, inputKey, salt, bytesOf(info), length);
}

SecretBytes stretchPassphrase(std::string_view passphrase, std::string_view room) {
  const std::string salt = "SottoPassphrase:" + std::string(room);
  SecretBytes out(32);
  if (EVP_PBE_scrypt(passphrase.data(), passphrase.size(), bytesOf(salt).data(), salt.size(), scryptN,
                     scryptR, scryptP, scryptMaxMemory, out.writable().data(), out.size()) != 1) {
    throw std::runtime_error("OpenSSL cannot stretch a passphrase with scrypt");
  }
  return out;
}

}  // namespace sotto::client::e2ee
