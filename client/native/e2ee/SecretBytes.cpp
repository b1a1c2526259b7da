// Key material in memory; see the header.
#include "client/native/e2ee/SecretBytes.hpp"

#include <openssl/crypto.h>

namespace sotto::client::e2ee {

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
  }
  return *this;
}

bool SecretBytes::equals(base::ByteView other) const {
  return bytes_.size() == other.size() && CRYPTO_memcmp(bytes_.data(), other.data(), other.size()) == 0;
}

void SecretBytes::wipe() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

}  // namespace sotto::client::e2ee
