// State at rest; see the header.
#include "client/native/e2ee/store/SealedState.hpp"

#include <sodium/crypto_aead_xchacha20poly1305.h>

#include <algorithm>
#include <stdexcept>

namespace sotto::e2ee::store {
namespace {

constexpr std::array<uint8_t, 8> magic{'S', 'o', 't', 't', 'o', 'D', 'e', 'v'};
constexpr uint8_t formatVersion = 1;
constexpr size_t nonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t tagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr size_t nonceAt = magic.size() + 1 + 1 + 4 + 4 + SealHeader::saltSize;
constexpr size_t headerSize = nonceAt + nonceSize;

/// Nobody has proven yet who wrote the file: it may not cost us more than this to find out.
constexpr StretchCost highestCost{16, 1u << 20};
constexpr StretchCost lowestCost{1, 8};

bool isBearable(const SealHeader& header) {
  if (header.lock == LockKind::KeyFile) return header.cost == StretchCost{};
  return header.cost.passes >= lowestCost.passes && header.cost.passes <= highestCost.passes &&
         header.cost.kibibytes >= lowestCost.kibibytes && header.cost.kibibytes <= highestCost.kibibytes;
}

}  // namespace

std::vector<uint8_t> sealState(const SealHeader& header, base::ByteView key, base::ByteView state,
                               base::Random& random) {
  std::vector<uint8_t> file(headerSize + state.size() + tagSize);
  base::ByteWriter out(file);
  out.bytes(magic);
  out.u8(formatVersion);
  out.u8(static_cast<uint8_t>(header.lock));
  out.u32(header.cost.passes);
  out.u32(header.cost.kibibytes);
  out.bytes(header.salt);
  // 24 random bytes: no two of a store's states share a nonce, however often it is written.
  random.fill(base::MutableByteView(file).subspan(nonceAt, nonceSize));
  unsigned long long length = 0;
  if (key.size() != sealKeySize ||
      crypto_aead_xchacha20poly1305_ietf_encrypt(file.data() + headerSize, &length, state.data(),
                                                 state.size(), file.data(), headerSize, nullptr,
                                                 file.data() + nonceAt, key.data()) != 0) {
    throw std::runtime_error("libsodium cannot seal a device's state");
  }
  return file;
}

std::optional<SealHeader> readSealHeader(base::ByteView file) {
  if (file.size() < headerSize + tagSize) return std::nullopt;
  base::ByteReader in(file);
  if (!std::ranges::equal(in.bytes(magic.size()), magic) || in.u8() != formatVersion) return std::nullopt;
  const uint8_t lock = in.u8();
  if (lock != static_cast<uint8_t>(LockKind::KeyFile) && lock != static_cast<uint8_t>(LockKind::Passphrase)) {
    return std::nullopt;
  }
  SealHeader header;
  header.lock = static_cast<LockKind>(lock);
  header.cost.passes = in.u32();
  header.cost.kibibytes = in.u32();
  std::ranges::copy(in.bytes(header.salt.size()), header.salt.begin());
  if (!isBearable(header)) return std::nullopt;
  return header;
}

std::optional<client::e2ee::SecretBytes> openState(base::ByteView file, base::ByteView key) {
  if (file.size() < headerSize + tagSize || key.size() != sealKeySize) return std::nullopt;
  client::e2ee::SecretBytes state(file.size() - headerSize - tagSize);
  unsigned long long length = 0;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          state.writable().data(), &length, nullptr, file.data() + headerSize, file.size() - headerSize,
          file.data(), headerSize, file.data() + nonceAt, key.data()) != 0) {
    return std::nullopt;
  }
  return state;
}

}  // namespace sotto::e2ee::store
