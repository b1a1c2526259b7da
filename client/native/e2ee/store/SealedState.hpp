// A device's state at rest: XChaCha20-Poly1305 under a key of the device's own, with what is needed to find
// that key in front.
//   "SottoDev" || u8 version 1 || u8 lock (1 key file, 2 passphrase) || u32 Argon2id passes || u32 Argon2id
//   KiB || salt (16) || nonce (24) || ciphertext and tag
// All before the ciphertext is associated data.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "client/native/e2ee/SecretBytes.hpp"
#include "media/base/Expected.hpp"
#include "media/base/Random.hpp"

namespace sotto::e2ee::store {

/// How the key is kept.
enum class LockKind : uint8_t { KeyFile = 1, Passphrase = 2 };

/// What Argon2id costs, for a passphrase; zeros for a key file.
struct StretchCost {
  uint32_t passes = 0;
  uint32_t kibibytes = 0;
  bool operator==(const StretchCost&) const = default;
};

/// The part that says how to get the key. Fixed when the store is made.
struct SealHeader {
  static constexpr size_t saltSize = 16;
  LockKind lock = LockKind::KeyFile;
  StretchCost cost;
  std::array<uint8_t, saltSize> salt{};
};

constexpr size_t sealKeySize = 32;

/// Header, a fresh nonce, and `state` sealed under `key`.
std::vector<uint8_t> sealState(const SealHeader& header, base::ByteView key, base::ByteView state,
                               base::Random& random);

/// The header, unproven: nothing when `file` is no such file, or asks for more than 16 passes or 1 GiB.
std::optional<SealHeader> readSealHeader(base::ByteView file);

/// The state; nothing when the key is wrong or a byte was changed.
std::optional<client::e2ee::SecretBytes> openState(base::ByteView file, base::ByteView key);

}  // namespace sotto::e2ee::store
