// Sealing of data messages over libsodium; see the header.
#include "client/native/e2ee/DataSealer.hpp"

#include <sodium/crypto_aead_chacha20poly1305.h>

#include <array>
#include <limits>
#include <string_view>

#include "client/native/e2ee/Hkdf.hpp"

namespace sotto::client::e2ee {
namespace {

constexpr size_t keySize = crypto_aead_chacha20poly1305_ietf_KEYBYTES;
constexpr size_t nonceSize = crypto_aead_chacha20poly1305_ietf_NPUBBYTES;
constexpr size_t tagSize = crypto_aead_chacha20poly1305_ietf_ABYTES;
static_assert(dataOverhead == dataHeaderSize + tagSize);

constexpr std::string_view label = "SottoData";
constexpr size_t aadSize = label.size() + dataHeaderSize + 1 + 2;

using Header = std::array<uint8_t, dataHeaderSize>;

Header headerOf(KeyId key, uint64_t counter) {
  Header header{};
  base::storeU32(header.data(), static_cast<uint32_t>(key.value()));
  base::storeU64(header.data() + 4, counter);
  return header;
}

std::array<uint8_t, aadSize> aadOf(KeyId key, uint64_t counter, const DataAddress& address) {
  std::array<uint8_t, aadSize> aad{};
  const Header header = headerOf(key, counter);
  auto* at = std::copy(label.begin(), label.end(), aad.begin());
  at = std::copy(header.begin(), header.end(), at);
  *at++ = address.reliable ? 1 : 0;
  base::storeU16(at, address.destination);
  return aad;
}

std::array<uint8_t, nonceSize> nonceOf(base::ByteView salt, uint64_t counter) {
  std::array<uint8_t, nonceSize> nonce{};
  base::storeU64(nonce.data() + 4, counter);
  for (size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<uint8_t>(nonce[i] ^ salt[i]);
  return nonce;
}

}  // namespace

DataKeys::DataKeys(base::ByteView mediaKey)
    : key_(hkdf(HashType::Sha256, mediaKey, {}, "SottoDataKey", keySize)),
      salt_(hkdf(HashType::Sha256, mediaKey, {}, "SottoDataSalt", nonceSize)) {}

std::vector<uint8_t> DataKeys::seal(KeyId key, uint64_t counter, const DataAddress& address,
                                    base::ByteView plain) const {
  const auto aad = aadOf(key, counter, address);
  const auto nonce = nonceOf(salt_.view(), counter);
  const Header header = headerOf(key, counter);
  std::vector<uint8_t> out(header.size() + plain.size() + tagSize);
  std::copy(header.begin(), header.end(), out.begin());
  crypto_aead_chacha20poly1305_ietf_encrypt(out.data() + header.size(), nullptr, plain.data(), plain.size(),
                                            aad.data(), aad.size(), nullptr, nonce.data(),
                                            key_.view().data());
  return out;
}

std::optional<std::vector<uint8_t>> DataKeys::open(KeyId key, uint64_t counter, const DataAddress& address,
                                                   base::ByteView sealed) const {
  if (sealed.size() < tagSize) return std::nullopt;
  const auto aad = aadOf(key, counter, address);
  const auto nonce = nonceOf(salt_.view(), counter);
  std::vector<uint8_t> plain(sealed.size() - tagSize);
  if (crypto_aead_chacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, sealed.data(), sealed.size(),
                                                aad.data(), aad.size(), nonce.data(),
                                                key_.view().data()) != 0) {
    return std::nullopt;
  }
  return plain;
}

void DataSealer::installKey(KeyId keyId, base::ByteView mediaKey) {
  keyId_ = keyId;
  keys_.emplace(mediaKey);
}

std::optional<std::vector<uint8_t>> DataSealer::seal(base::ByteView plain, const DataAddress& address) {
  if (!keys_ || exhausted_) return std::nullopt;
  const uint64_t counter = nextCounter_;
  exhausted_ = counter == std::numeric_limits<uint64_t>::max();
  if (!exhausted_) ++nextCounter_;
  return keys_->seal(keyId_, counter, address, plain);
}

}  // namespace sotto::client::e2ee
