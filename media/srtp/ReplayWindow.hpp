// Which packet indices have been seen (RFC 3711 section 3.3.2), over a sliding window of the latest ones.
#pragma once

#include <array>
#include <cstdint>

namespace sotto::srtp {

/// Check first, mark only once the packet is authentic: a forgery must not move the window.
class ReplayWindow {
 public:
  /// Two seconds of a 4 Mb/s stream in full-sized packets: whatever comes later is of no use to a call.
  static constexpr uint64_t size = 1024;

  /// False for an index seen already, or so old that nobody knows.
  bool accepts(uint64_t index) const {
    if (!started_ || index > highest_) return true;
    return highest_ - index < size && !bit(index);
  }
  /// Remembers an index for which accepts() was true.
  void mark(uint64_t index) {
    if (!started_ || index >= highest_ + size) {
      words_.fill(0);
    } else {
      for (uint64_t skipped = highest_ + 1; skipped < index; ++skipped) clear(skipped);
    }
    if (!started_ || index > highest_) highest_ = index;
    started_ = true;
    words_[index % size / 64] |= uint64_t{1} << index % 64;
  }
  bool started() const { return started_; }
  uint64_t highest() const { return highest_; }

 private:
  bool bit(uint64_t index) const { return (words_[index % size / 64] >> index % 64 & 1) != 0; }
  void clear(uint64_t index) { words_[index % size / 64] &= ~(uint64_t{1} << index % 64); }

  std::array<uint64_t, size / 64> words_{};
  uint64_t highest_ = 0;
  bool started_ = false;
};

}  // namespace sotto::srtp
