// Fixed-size packet buffers that are recycled, shared by reference within one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"

namespace sotto::base {

class PacketPool;

/// One received datagram after decryption. Reference-counted without atomics: a worker is one thread.
struct PacketBuffer {
  /// Above every MTU seen on the way to a browser; larger datagrams are dropped as malformed.
  static constexpr size_t capacity = 2048;
  std::array<uint8_t, capacity> data;
  uint32_t size = 0;
  Timestamp arrival;  ///< when it reached this machine, before it waited for us in the socket
  uint32_t references = 0;
  PacketPool* pool = nullptr;
};

/// Shared ownership of a PacketBuffer; gives it back to its pool with the last reference.
class PacketRef {
 public:
  PacketRef() = default;
  explicit PacketRef(PacketBuffer* buffer) : buffer_(buffer) {
    if (buffer_ != nullptr) ++buffer_->references;
  }
  PacketRef(const PacketRef& other) : PacketRef(other.buffer_) {}
  PacketRef(PacketRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  PacketRef& operator=(PacketRef other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~PacketRef() { reset(); }

  explicit operator bool() const { return buffer_ != nullptr; }
  ByteView view() const { return {buffer_->data.data(), buffer_->size}; }
  MutableByteView storage() const { return buffer_->data; }
  Timestamp arrival() const { return buffer_->arrival; }
  void setArrival(Timestamp arrival) const { buffer_->arrival = arrival; }
  void setSize(size_t size) const { buffer_->size = static_cast<uint32_t>(size); }
  inline void reset();

 private:
  PacketBuffer* buffer_ = nullptr;
};

/// Grows when dry (a warm-up cost), never shrinks. Must outlive every PacketRef it handed out.
class PacketPool {
 public:
  PacketRef acquire() {
    if (free_.empty()) {
      owned_.push_back(std::make_unique<PacketBuffer>());
      owned_.back()->pool = this;
      free_.reserve(owned_.size());
      return PacketRef(owned_.back().get());
    }
    PacketBuffer* buffer = free_.back();
    free_.pop_back();
    buffer->size = 0;
    return PacketRef(buffer);
  }
  size_t allocated() const { return owned_.size(); }
  size_t available() const { return free_.size(); }

 private:
  friend class PacketRef;
  void release(PacketBuffer* buffer) { free_.push_back(buffer); }
  std::vector<std::unique_ptr<PacketBuffer>> owned_;
  std::vector<PacketBuffer*> free_;
};

inline void PacketRef::reset() {
  if (buffer_ != nullptr && --buffer_->references == 0) buffer_->pool->release(buffer_);
  buffer_ = nullptr;
}

}  // namespace sotto::base
