// Bounds-checked big-endian reading and writing over spans. Never throws, never allocates.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sotto::base {

using ByteView = std::span<const uint8_t>;
using MutableByteView = std::span<uint8_t>;

inline uint16_t loadU16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] << 8 | p[1]);
}
inline uint32_t loadU24(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) << 16 | static_cast<uint32_t>(p[1]) << 8 | p[2];
}
inline uint32_t loadU32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) << 24 | static_cast<uint32_t>(p[1]) << 16 |
         static_cast<uint32_t>(p[2]) << 8 | p[3];
}
inline uint64_t loadU64(const uint8_t* p) {
  return static_cast<uint64_t>(loadU32(p)) << 32 | loadU32(p + 4);
}
inline void storeU16(uint8_t* p, uint16_t v) {
  p[0] = static_cast<uint8_t>(v >> 8);
  p[1] = static_cast<uint8_t>(v);
}
inline void storeU24(uint8_t* p, uint32_t v) {
  p[0] = static_cast<uint8_t>(v >> 16);
  p[1] = static_cast<uint8_t>(v >> 8);
  p[2] = static_cast<uint8_t>(v);
}
inline void storeU32(uint8_t* p, uint32_t v) {
  storeU16(p, static_cast<uint16_t>(v >> 16));
  storeU16(p + 2, static_cast<uint16_t>(v));
}
inline void storeU64(uint8_t* p, uint64_t v) {
  storeU32(p, static_cast<uint32_t>(v >> 32));
  storeU32(p + 4, static_cast<uint32_t>(v));
}

/// Reads from the front of a view. The first read past the end makes the reader fail; from then on
/// every read yields zero (or an empty view) and ok() is false, so that a parser checks once at its end.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t remaining() const { return ok_ ? bytes_.size() - position_ : 0; }
  ByteView rest() const { return ok_ ? bytes_.subspan(position_) : ByteView{}; }

  uint8_t u8() { return take(1) ? bytes_[position_ - 1] : uint8_t{0}; }
  uint16_t u16() { return take(2) ? loadU16(&bytes_[position_ - 2]) : uint16_t{0}; }
  uint32_t u24() { return take(3) ? loadU24(&bytes_[position_ - 3]) : 0; }
  uint32_t u32() { return take(4) ? loadU32(&bytes_[position_ - 4]) : 0; }
  uint64_t u64() { return take(8) ? loadU64(&bytes_[position_ - 8]) : 0; }
  ByteView bytes(size_t count) { return take(count) ? bytes_.subspan(position_ - count, count) : ByteView{}; }
  void skip(size_t count) { take(count); }

 private:
  bool take(size_t count) {
    if (!ok_ || count > bytes_.size() - position_) return ok_ = false;
    position_ += count;
    return true;
  }
  ByteView bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

/// Writes to the front of a view, with the same once-failed-stays-failed rule as ByteReader.
class ByteWriter {
 public:
  explicit ByteWriter(MutableByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  MutableByteView written() const { return bytes_.first(position_); }

  void u8(uint8_t v) {
    if (uint8_t* p = take(1)) *p = v;
  }
  void u16(uint16_t v) {
    if (uint8_t* p = take(2)) storeU16(p, v);
  }
  void u24(uint32_t v) {
    if (uint8_t* p = take(3)) storeU24(p, v);
  }
  void u32(uint32_t v) {
    if (uint8_t* p = take(4)) storeU32(p, v);
  }
  void u64(uint64_t v) {
    if (uint8_t* p = take(8)) storeU64(p, v);
  }
  void bytes(ByteView source) {
    if (uint8_t* p = take(source.size()); p != nullptr && !source.empty()) {
      std::memcpy(p, source.data(), source.size());
    }
  }
  void fill(uint8_t value, size_t count) {
    if (uint8_t* p = take(count)) std::fill_n(p, count, value);
  }

 private:
  uint8_t* take(size_t count) {
    if (!ok_ || count > remaining()) {
      ok_ = false;
      return nullptr;
    }
    position_ += count;
    return bytes_.data() + (position_ - count);
  }
  MutableByteView bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace sotto::base
