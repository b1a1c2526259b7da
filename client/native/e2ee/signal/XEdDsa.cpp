// XEdDSA over libsodium's Ed25519 scalars and points; see the header. Only verification touches OpenSSL's big
// numbers (the map from u to y), and all that it works on is public.
#include "client/native/e2ee/signal/XEdDsa.hpp"

#include <openssl/bn.h>
#include <sodium/crypto_core_ed25519.h>
#include <sodium/crypto_hash_sha512.h>
#include <sodium/crypto_scalarmult_ed25519.h>
#include <sodium/crypto_sign_ed25519.h>

#include <memory>
#include <optional>
#include <stdexcept>

namespace sotto::e2ee::signal {
namespace {

class Sha512 {
 public:
  Sha512() { crypto_hash_sha512_init(&state_); }
  ~Sha512() { sodium_memzero(&state_, sizeof state_); }
  Sha512(const Sha512&) = delete;
  Sha512& operator=(const Sha512&) = delete;
  Sha512& add(base::ByteView bytes) {
    crypto_hash_sha512_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  /// The hash as a number modulo the order of the base point.
  Secret32 scalar() {
    SecretArray<64> hash;
    crypto_hash_sha512_final(&state_, hash.data());
    Secret32 reduced;
    crypto_core_ed25519_scalar_reduce(reduced.data(), hash.data());
    return reduced;
  }

 private:
  crypto_hash_sha512_state state_;
};

std::array<uint8_t, 32> timesBase(const Secret32& scalar) {
  std::array<uint8_t, 32> point;
  if (crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data()) != 0) {
    throw std::runtime_error("libsodium refuses a scalar that cannot be zero");
  }
  return point;
}

struct BnDeleter {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
using Bn = std::unique_ptr<BIGNUM, BnDeleter>;

/// The Edwards y = (u - 1) / (u + 1) modulo 2^255 - 19, little-endian; nothing for u = -1.
std::optional<std::array<uint8_t, 32>> edwardsY(base::ByteView u) {
  const std::unique_ptr<BN_CTX, BnDeleter> context(BN_CTX_new());
  const Bn p(BN_new()), above(BN_new()), inverse(BN_new()), y(BN_new());
  const Bn point(BN_lebin2bn(u.data(), static_cast<int>(u.size()), nullptr));
  if (!context || !p || !above || !inverse || !y || !point) throw std::bad_alloc();
  BN_set_bit(p.get(), 255);
  BN_sub_word(p.get(), 19);
  BN_copy(above.get(), point.get());
  BN_add_word(above.get(), 1);
  if (BN_mod_inverse(inverse.get(), above.get(), p.get(), context.get()) == nullptr) return std::nullopt;
  BN_mod_sub(point.get(), point.get(), BN_value_one(), p.get(), context.get());
  BN_mod_mul(y.get(), point.get(), inverse.get(), p.get(), context.get());
  std::array<uint8_t, 32> out;
  if (BN_bn2lebinpad(y.get(), out.data(), static_cast<int>(out.size())) < 0) return std::nullopt;
  return out;
}

}  // namespace

Signature sign(const PrivateKey& key, base::ByteView message, base::Random& random) {
  const Secret32 a(key.view());
  const std::array<uint8_t, 32> publicPoint = timesBase(a);

  // 0xFE and 31 x 0xFF: no hash of an Ed25519 signature begins like this.
  std::array<uint8_t, 32> prefix;
  prefix.fill(0xff);
  prefix[0] = 0xfe;
  SecretArray<64> fresh;
  random.fill(fresh.writable());
  const Secret32 r = Sha512().add(prefix).add(a.view()).add(message).add(fresh.view()).scalar();
  const std::array<uint8_t, 32> bigR = timesBase(r);

  const Secret32 h = Sha512().add(bigR).add(publicPoint).add(message).scalar();
  Secret32 product, s;
  crypto_core_ed25519_scalar_mul(product.data(), h.data(), a.data());
  crypto_core_ed25519_scalar_add(s.data(), product.data(), r.data());

  Signature signature;
  std::copy(bigR.begin(), bigR.end(), signature.begin());
  std::copy_n(s.data(), 32, signature.begin() + 32);
  signature[63] = static_cast<uint8_t>((signature[63] & 0x7f) | (publicPoint[31] & 0x80));
  return signature;
}

bool verify(const PublicKey& key, base::ByteView message, base::ByteView signature) {
  if (signature.size() != std::tuple_size_v<Signature>) return false;
  auto point = edwardsY(key.u());
  if (!point) return false;
  (*point)[31] = static_cast<uint8_t>((*point)[31] | (signature[63] & 0x80));
  Signature plain;
  std::copy(signature.begin(), signature.end(), plain.begin());
  plain[63] &= 0x7f;
  return crypto_sign_ed25519_verify_detached(plain.data(), message.data(), message.size(), point->data()) ==
         0;
}

}  // namespace sotto::e2ee::signal
