// Buffers that come back.
#include "media/base/PacketPool.hpp"

#include <catch2/catch.hpp>

using namespace sotto::base;

TEST_CASE("A buffer returns to its pool with the last reference") {
  PacketPool pool;
  {
    PacketRef first = pool.acquire();
    first.setSize(3);
    PacketRef copy = first;
    PacketRef moved = std::move(first);
    CHECK_FALSE(first);
    copy.reset();
    CHECK_FALSE(copy);
    CHECK(pool.available() == 0);
    CHECK(moved.view().size() == 3);
    moved.reset();
    moved.reset();
    CHECK(pool.available() == 1);
  }
  CHECK(pool.available() == 1);
  CHECK(pool.allocated() == 1);
}

TEST_CASE("A pool grows only when it is dry, and hands out empty buffers") {
  PacketPool pool;
  for (int round = 0; round < 10; ++round) {
    std::vector<PacketRef> held;
    for (int i = 0; i < 5; ++i) {
      held.push_back(pool.acquire());
      CHECK(held.back().view().empty());
      held.back().setSize(100);
    }
    CHECK(pool.available() == 0);
  }
  CHECK(pool.allocated() == 5);
  CHECK(pool.available() == 5);
}

TEST_CASE("Assignment keeps the count right, to itself as well") {
  PacketPool pool;
  PacketRef a = pool.acquire();
  PacketRef b = pool.acquire();
  const PacketRef& same = a;
  a = same;
  CHECK(a);
  CHECK(pool.available() == 0);
  a = b;
  CHECK(pool.available() == 1);
  a = PacketRef();
  CHECK(pool.available() == 1);
  b = std::move(a);
  CHECK(pool.available() == 2);
}
