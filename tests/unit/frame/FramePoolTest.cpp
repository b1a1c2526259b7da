#include "media/frame/FramePool.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace sotto::frame;

TEST_CASE("A frame has the size asked for, up to the largest class", "[frame]") {
  FramePool pool;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{256}, size_t{257}, FramePool::largestClass}) {
    const FrameRef frame = pool.acquire(size);
    REQUIRE(frame);
    CHECK(frame->payload().size() == size);
    if (size > 0) frame->writablePayload()[size - 1] = 1;
  }
  CHECK_FALSE(pool.acquire(FramePool::largestClass + 1));
}

TEST_CASE("A frame given back is used again, clean", "[frame]") {
  FramePool pool;
  FrameRef frame = pool.acquire(1'000);
  frame->sealed = true;
  frame->codecInfo.pictureId = 5;
  frame->metadata.width = 7;
  FrameRef second = frame;
  frame.reset();
  CHECK(second->sealed);  // still held
  second.reset();
  frame = pool.acquire(900);
  CHECK(pool.allocated() == 1);
  CHECK_FALSE(frame->sealed);
  CHECK(frame->codecInfo.pictureId == -1);
  CHECK(frame->metadata == FrameMetadata{});
  CHECK(frame->payload().size() == 900);
}

TEST_CASE("Frames of one size class share, those of another do not", "[frame]") {
  FramePool pool;
  { const FrameRef small = pool.acquire(100); }
  { const FrameRef large = pool.acquire(5'000); }
  CHECK(pool.allocated() == 2);
  std::vector<FrameRef> held;
  for (int i = 0; i < 3; ++i) held.push_back(pool.acquire(200));
  CHECK(pool.allocated() == 4);
  CHECK(pool.allocatedBytes() == 3 * 256 + 8'192);
}
