#include "signaling/XEdDsaVerify.hpp"

#include <openssl/bn.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>

namespace sotto::signaling {
namespace {

constexpr size_t coordinateBytes = 32;
constexpr size_t keyBytes = 1 + coordinateBytes;
constexpr size_t signatureBytes = 64;
constexpr char curve25519Type = 0x05;
constexpr uint8_t topBit = 0x80;

using Coordinate = std::array<uint8_t, coordinateBytes>;  // little-endian
using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;
using Context = std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

/// 2^255 - 19.
constexpr Coordinate prime = [] {
  Coordinate p{};
  p.fill(0xFF);
  p[0] = 0xED;
  p[coordinateBytes - 1] = 0x7F;
  return p;
}();

constexpr Coordinate smallValue(uint8_t value) {
  Coordinate c{};
  c[0] = value;
  return c;
}

constexpr Coordinate primeMinusOne = [] {
  Coordinate c = prime;
  c[0] -= 1;
  return c;
}();

/// The points of order 1, 2, 4 and 8 on the curve and its twist, by their u coordinates below the prime.
constexpr std::array<Coordinate, 5> lowOrder{
    smallValue(0), smallValue(1), primeMinusOne,
    Coordinate{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
               0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
               0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    Coordinate{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
               0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
               0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57}};

bool belowPrime(const Coordinate& u) {
  return std::lexicographical_compare(u.rbegin(), u.rend(), prime.rbegin(), prime.rend());
}

std::optional<Coordinate> usableCoordinate(std::string_view key) {
  if (key.size() != keyBytes || key[0] != curve25519Type) return std::nullopt;
  Coordinate u{};
  std::transform(key.begin() + 1, key.end(), u.begin(), [](char c) { return static_cast<uint8_t>(c); });
  if (!belowPrime(u) || std::find(lowOrder.begin(), lowOrder.end(), u) != lowOrder.end()) return std::nullopt;
  return u;
}

Number number(const Coordinate& value) {
  return {BN_lebin2bn(value.data(), static_cast<int>(value.size()), nullptr), &BN_free};
}

/// y = (u - 1) / (u + 1) modulo the prime (RFC 7748 section 4.1). u = -1 has been refused as of low order.
std::optional<Coordinate> edwardsY(const Coordinate& u) {
  const Context context(BN_CTX_new(), &BN_CTX_free);
  const Number p = number(prime);
  const Number x = number(u);
  const Number above(BN_new(), &BN_free);
  const Number below(BN_new(), &BN_free);
  if (!context || !p || !x || !above || !below) return std::nullopt;
  Coordinate y{};
  const bool done = BN_mod_sub(above.get(), x.get(), BN_value_one(), p.get(), context.get()) == 1 &&
                    BN_mod_add(below.get(), x.get(), BN_value_one(), p.get(), context.get()) == 1 &&
                    BN_mod_inverse(below.get(), below.get(), p.get(), context.get()) != nullptr &&
                    BN_mod_mul(above.get(), above.get(), below.get(), p.get(), context.get()) == 1 &&
                    BN_bn2lebinpad(above.get(), y.data(), static_cast<int>(y.size())) >= 0;
  return done ? std::optional(y) : std::nullopt;
}

}  // namespace

bool isUsableCurveKey(std::string_view key) {
  return usableCoordinate(key).has_value();
}

bool verifyXEdDsa(std::string_view key, std::string_view message, std::string_view signature) {
  const auto u = usableCoordinate(key);
  if (!u || signature.size() != signatureBytes) return false;
  auto point = edwardsY(*u);
  if (!point) return false;
  std::array<uint8_t, signatureBytes> plain{};
  std::transform(signature.begin(), signature.end(), plain.begin(),
                 [](char c) { return static_cast<uint8_t>(c); });
  point->back() = static_cast<uint8_t>(point->back() | (plain.back() & topBit));
  plain.back() = static_cast<uint8_t>(plain.back() & ~topBit);
  const Key edwards(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point->data(), point->size()),
                    &EVP_PKEY_free);
  const Digest digest(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return edwards && digest &&
         EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, edwards.get()) == 1 &&
         EVP_DigestVerify(digest.get(), plain.data(), plain.size(),
                          reinterpret_cast<const uint8_t*>(message.data()), message.size()) == 1;
}

}  // namespace sotto::signaling
