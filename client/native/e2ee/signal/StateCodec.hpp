// Writes and reads what a device keeps: big-endian, lengths in front, in memory that is wiped.
#pragma once

#include <sodium/utils.h>

#include <memory>
#include <string>
#include <vector>

#include "client/native/e2ee/SecretBytes.hpp"
#include "client/native/e2ee/signal/PrivateKey.hpp"

namespace sotto::e2ee::signal {

/// Overwrites memory before it is given back, so that a vector of secrets leaves no copy behind as it grows.
template <typename T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) {}  // NOLINT(google-explicit-constructor): what allocators do
  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, size_t count) {
    sodium_memzero(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  bool operator==(const WipingAllocator&) const = default;
};

class StateWriter {
 public:
  void u8(uint8_t value) { out_.push_back(value); }
  void u32(uint32_t value);
  void u64(uint64_t value);
  void raw(base::ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  /// Length as u32, then the bytes.
  void block(base::ByteView bytes);
  void block(const std::string& text);
  void publicKey(const PublicKey& key) { raw(key.u()); }
  void keyPair(const KeyPair& pair) { raw(pair.privateKey.view()); }
  void count(size_t value) { u32(static_cast<uint32_t>(value)); }

  base::ByteView written() const { return out_; }
  client::e2ee::SecretBytes take() const { return client::e2ee::SecretBytes(written()); }

 private:
  std::vector<uint8_t, WipingAllocator<uint8_t>> out_;
};

/// Once failed stays failed, as base::ByteReader.
class StateReader {
 public:
  explicit StateReader(base::ByteView bytes) : in_(bytes) {}

  uint8_t u8() { return in_.u8(); }
  uint32_t u32() { return in_.u32(); }
  uint64_t u64() { return in_.u64(); }
  base::ByteView raw(size_t size) { return in_.bytes(size); }
  base::ByteView block() { return in_.bytes(in_.u32()); }
  std::string text();
  Secret32 secret();
  PublicKey publicKey();
  KeyPair keyPair();
  /// How many things follow: at most `limit`, and no more than fit into what is left at `least` bytes each.
  size_t count(size_t limit, size_t least);
  void fail() { failed_ = true; }
  bool ok() const { return in_.ok() && !failed_; }
  bool atEnd() const { return ok() && in_.remaining() == 0; }

 private:
  base::ByteReader in_;
  bool failed_ = false;
};

}  // namespace sotto::e2ee::signal
