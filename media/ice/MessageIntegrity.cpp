// MESSAGE-INTEGRITY and FINGERPRINT of STUN (RFC 8489 sections 14.5 and 14.7).
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <memory>

#include "media/ice/StunFormat.hpp"

namespace sotto::ice {
namespace {

constexpr std::array<uint32_t, 256> makeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xedb88320u ^ value >> 1 : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> crcTable = makeCrcTable();

}  // namespace

uint32_t crc32(base::ByteView bytes) {
  uint32_t crc = ~0u;
  for (uint8_t byte : bytes) crc = crcTable[(crc ^ byte) & 0xff] ^ crc >> 8;
  return ~crc;
}

bool computeIntegrity(base::ByteView message, size_t integrityOffset, base::ByteView key,
                      std::array<uint8_t, integrityLength>& out) {
  if (integrityOffset < stunHeaderLength || integrityOffset > message.size()) return false;
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_new(hmac),
                                                                          &EVP_MAC_CTX_free);
  char digest[] = "SHA1";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_end()};
  std::array<uint8_t, stunHeaderLength> header{};
  std::copy_n(message.begin(), header.size(), header.begin());
  base::storeU16(&header[2], static_cast<uint16_t>(integrityOffset + stunAttributeHeader + integrityLength -
                                                   stunHeaderLength));
  size_t written = 0;
  // OpenSSL takes a null key as "keep the one before"; an empty key is never valid here.
  return context != nullptr && !key.empty() &&
         EVP_MAC_init(context.get(), key.data(), key.size(), parameters) == 1 &&
         EVP_MAC_update(context.get(), header.data(), header.size()) == 1 &&
         EVP_MAC_update(context.get(), message.data() + stunHeaderLength,
                        integrityOffset - stunHeaderLength) == 1 &&
         EVP_MAC_final(context.get(), out.data(), &written, out.size()) == 1 && written == out.size();
}

}  // namespace sotto::ice
