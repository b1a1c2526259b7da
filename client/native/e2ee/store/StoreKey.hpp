// Where the key of a device's state comes from: a key file, or a passphrase stretched with Argon2id.
#pragma once

#include <string>
#include <variant>

#include "client/native/e2ee/store/SealedState.hpp"

namespace sotto::e2ee::store {

/// A file with 32 random bytes, readable by the owner alone.
struct KeyFile {
  std::string path;
};

/// UTF-8 as it is. What stretching costs counts when a store is made; later the store itself says it.
struct Passphrase {
  std::string text;
  /// Some half a second and 128 MiB on a laptop.
  StretchCost cost{3, 128 * 1024};
};

using Unlock = std::variant<KeyFile, Passphrase>;

/// The header for a new store: its kind of lock and a fresh salt.
SealHeader newSealHeader(const Unlock& unlock, base::Random& random);

/// Makes the key file if `unlock` is one and there is none yet. An existing one is used as it is.
base::Expected<void> ensureKeyFile(const Unlock& unlock, base::Random& random);

/// The key: HKDF(secret, salt, "SottoDeviceStore"), the secret being the key file's 32 bytes or
/// Argon2id(passphrase, salt). An error when the store is locked in the other way, or the key file cannot be
/// read or is none.
base::Expected<client::e2ee::SecretBytes> sealKey(const SealHeader& header, const Unlock& unlock);

}  // namespace sotto::e2ee::store
