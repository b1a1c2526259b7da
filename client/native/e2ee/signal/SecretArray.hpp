// Secrets of a fixed size: copied where the ratchet needs it, and wiped wherever they end.
#pragma once

#include <sodium/utils.h>

#include <algorithm>
#include <array>

#include "media/base/Bytes.hpp"

namespace sotto::e2ee::signal {

/// `N` secret bytes in place (no heap), zero at first, overwritten when they go.
template <size_t N>
class SecretArray {
 public:
  SecretArray() = default;
  /// Copies the first N bytes of `bytes`, which must have them.
  explicit SecretArray(base::ByteView bytes) { std::copy_n(bytes.begin(), N, bytes_.begin()); }
  SecretArray(const SecretArray&) = default;
  SecretArray& operator=(const SecretArray&) = default;
  ~SecretArray() { sodium_memzero(bytes_.data(), N); }

  base::ByteView view() const { return bytes_; }
  base::MutableByteView writable() { return bytes_; }
  const uint8_t* data() const { return bytes_.data(); }
  uint8_t* data() { return bytes_.data(); }
  /// In constant time.
  bool equals(const SecretArray& other) const {
    return sodium_memcmp(bytes_.data(), other.bytes_.data(), N) == 0;
  }

 private:
  std::array<uint8_t, N> bytes_{};
};

using Secret32 = SecretArray<32>;

}  // namespace sotto::e2ee::signal
