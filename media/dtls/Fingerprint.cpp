// RFC 8122 section 5: fingerprint = hash-func SP 2UHEX *(":" 2UHEX).
#include "media/dtls/Fingerprint.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <charconv>

namespace sotto::dtls {
namespace {

const EVP_MD* hashFunction(std::string_view algorithm) {
  if (algorithm == "sha-256") return EVP_sha256();
  if (algorithm == "sha-384") return EVP_sha384();
  if (algorithm == "sha-512") return EVP_sha512();
  return nullptr;
}

}  // namespace

std::optional<Fingerprint> Fingerprint::parse(std::string_view algorithm, std::string_view value) {
  Fingerprint result;
  result.function_ = hashFunction(algorithm);
  if (result.function_ == nullptr) return std::nullopt;
  const size_t length = static_cast<size_t>(EVP_MD_get_size(result.function_));
  if (value.size() != length * 3 - 1) return std::nullopt;
  for (size_t at = 0; at < value.size(); at += 3) {
    uint8_t byte = 0;
    const char* end = value.data() + at + 2;
    if (std::from_chars(value.data() + at, end, byte, 16).ptr != end) return std::nullopt;
    if (at + 2 < value.size() && *end != ':') return std::nullopt;
    result.digest_.push_back(byte);
  }
  return result;
}

bool Fingerprint::matches(const X509* certificate) const {
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  return X509_digest(certificate, function_, digest.data(), &length) == 1 && length == digest_.size() &&
         CRYPTO_memcmp(digest.data(), digest_.data(), length) == 0;
}

std::string toFingerprintText(base::ByteView digest) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  for (uint8_t byte : digest) {
    if (!text.empty()) text += ':';
    text += digits[byte >> 4];
    text += digits[byte & 0xf];
  }
  return text;
}

}  // namespace sotto::dtls
