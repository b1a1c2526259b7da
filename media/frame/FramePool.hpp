// Recycles frames, so that forwarding allocates nothing once warm.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "media/frame/Frame.hpp"

namespace sotto::frame {

/// Frames in size classes of powers of two. Grows when dry (a warm-up cost), never shrinks. Must outlive
/// every FrameRef it handed out.
class FramePool {
 public:
  /// Smallest class: an Opus frame with trailer fits. Largest: no encoder in a call makes a larger frame.
  static constexpr size_t smallestClass = 256;
  static constexpr size_t largestClass = 1 << 20;

  FramePool();
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  /// A frame with `size` bytes of uninitialised payload and all other fields at their defaults; an empty
  /// reference when `size` is above largestClass.
  FrameRef acquire(size_t size);

  size_t allocated() const { return owned_.size(); }
  size_t allocatedBytes() const { return allocatedBytes_; }

 private:
  friend class FrameRef;
  static constexpr size_t classCount = 13;  // 256 B, 512 B, .. 1 MiB
  static size_t classOf(size_t size);
  void release(Frame* frame);

  struct Owned;
  std::vector<std::unique_ptr<Owned>> owned_;
  std::array<std::vector<Frame*>, classCount> free_;
  std::array<size_t, classCount> classTotals_{};  ///< so that giving a frame back never allocates
  size_t allocatedBytes_ = 0;
};

}  // namespace sotto::frame
