// HKDF (RFC 5869) over OpenSSL, and the slow stretching of a passphrase.
#pragma once

#include <cstddef>
#include <string_view>

#include "client/native/e2ee/SecretBytes.hpp"

namespace sotto::client::e2ee {

enum class HashType : uint8_t { Sha256, Sha512 };

/// Extract and expand: `length` bytes (at most 255 hashes). An empty `salt` counts as a hash length of zeros.
SecretBytes hkdf(HashType hash, base::ByteView inputKey, base::ByteView salt, base::ByteView info,
                 size_t length);
/// The same with a text label as info.
SecretBytes hkdf(HashType hash, base::ByteView inputKey, base::ByteView salt, std::string_view info,
                 size_t length);

/// The room secret of a passphrase, the same in the browser: scrypt (RFC 7914) over the passphrase's UTF-8 as
/// it is, salt "SottoPassphrase:" + room name, N = 2^15, r = 8, p = 1, 32 bytes. Takes about a tenth of a
/// second and 32 MiB.
SecretBytes stretchPassphrase(std::string_view passphrase, std::string_view room);

}  // namespace sotto::client::e2ee
