#include "media/frame/FramePool.hpp"

#include <bit>

namespace sotto::frame {

struct FramePool::Owned {
  explicit Owned(size_t capacity) : bytes(new uint8_t[capacity]) {}
  Frame frame;
  std::unique_ptr<uint8_t[]> bytes;
};

FramePool::FramePool() = default;
FramePool::~FramePool() = default;

size_t FramePool::classOf(size_t size) {
  constexpr unsigned smallestBits = std::bit_width(smallestClass - 1);
  const unsigned bits =
      size <= smallestClass ? smallestBits : static_cast<unsigned>(std::bit_width(size - 1));
  return bits - smallestBits;
}

FrameRef FramePool::acquire(size_t size) {
  static_assert(smallestClass << (classCount - 1) == largestClass);
  if (size > largestClass) return {};
  const size_t sizeClass = classOf(size);
  std::vector<Frame*>& free = free_[sizeClass];
  if (free.empty()) {
    const size_t capacity = smallestClass << sizeClass;
    owned_.push_back(std::make_unique<Owned>(capacity));
    allocatedBytes_ += capacity;
    Frame& fresh = owned_.back()->frame;
    fresh.data_ = owned_.back()->bytes.get();
    fresh.capacity_ = static_cast<uint32_t>(capacity);
    fresh.pool_ = this;
    if (free.capacity() < ++classTotals_[sizeClass]) free.reserve(2 * classTotals_[sizeClass]);
    free.push_back(&fresh);
  }
  Frame* frame = free.back();
  free.pop_back();
  uint8_t* const data = frame->data_;
  const uint32_t capacity = frame->capacity_;
  *frame = Frame{};
  frame->data_ = data;
  frame->capacity_ = capacity;
  frame->size_ = static_cast<uint32_t>(size);
  frame->pool_ = this;
  return FrameRef(frame);
}

void FramePool::release(Frame* frame) {
  free_[classOf(frame->capacity_)].push_back(frame);
}

}  // namespace sotto::frame
