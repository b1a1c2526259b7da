// Key material in memory: move-only, and wiped when it goes.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "media/base/Bytes.hpp"

namespace sotto::client::e2ee {

/// Owns secret bytes of a length fixed at construction; overwritten with zeros before their memory is given
/// back. Copies are made only where `clone` says so.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(size_t size) : bytes_(size) {}
  explicit SecretBytes(base::ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(); }

  /// Takes bytes over without a copy.
  static SecretBytes adopt(std::vector<uint8_t> bytes) {
    SecretBytes secret;
    secret.bytes_ = std::move(bytes);
    return secret;
  }
  SecretBytes clone() const { return SecretBytes(view()); }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  base::ByteView view() const { return bytes_; }
  base::MutableByteView writable() { return bytes_; }
  /// In constant time for equal lengths.
  bool equals(base::ByteView other) const;

 private:
  void wipe();
  std::vector<uint8_t> bytes_;
};

}  // namespace sotto::client::e2ee
