// AES-256-CBC with PKCS #7 padding, as Signal messages use it: only under a MAC that has been checked.
#pragma once

#include <vector>

#include "client/native/e2ee/signal/Ratchet.hpp"

namespace sotto::e2ee::signal {

std::vector<uint8_t> cbcEncrypt(const MessageKeys& keys, base::ByteView plaintext);

/// InvalidMessage for a length that is no whole number of blocks, or wrong padding.
Result<std::vector<uint8_t>> cbcDecrypt(const MessageKeys& keys, base::ByteView ciphertext);

}  // namespace sotto::e2ee::signal
