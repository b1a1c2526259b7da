// Unwrapping of counters, against a counter that never wraps.
#include "media/base/Sequence.hpp"

#include <catch2/catch.hpp>

#include "media/base/Random.hpp"

using namespace sotto::base;

TEST_CASE("Values near the last one unwrap to their full form") {
  SequenceUnwrapper unwrapper;
  CHECK_FALSE(unwrapper.last());
  const int64_t first = unwrapper.unwrap(10);
  CHECK((first & 0xffff) == 10);
  CHECK(unwrapper.peek(65535) == first - 11);
  CHECK(unwrapper.unwrap(65535) == first - 11);
  CHECK(unwrapper.last() == first);  // going back does not move it
  CHECK(unwrapper.unwrap(12) == first + 2);
  CHECK(unwrapper.last() == first + 2);
  CHECK(unwrapper.peek(12) >= 0);
  unwrapper.reset();
  CHECK_FALSE(unwrapper.last());
}

TEST_CASE("Unwrapping agrees with a counter that never wraps") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    SeededRandom random(seed);
    Unwrapper<uint16_t> sixteen;
    Unwrapper<uint32_t> thirtyTwo;
    Unwrapper<uint16_t, 15> fifteen;
    int64_t truth = 70'000 + random.u32() % 65536;
    const int64_t offset16 = sixteen.unwrap(static_cast<uint16_t>(truth)) - truth;
    const int64_t offset32 = thirtyTwo.unwrap(static_cast<uint32_t>(truth)) - truth;
    const int64_t offset15 = fifteen.unwrap(static_cast<uint16_t>(truth & 0x7fff)) - truth;
    int64_t highest = truth;
    for (int i = 0; i < 2000; ++i) {
      truth = highest + static_cast<int64_t>(random.u32() % 9000) - 3000;
      if (sixteen.unwrap(static_cast<uint16_t>(truth)) != truth + offset16) FAIL("16 bits, step " << i);
      if (thirtyTwo.unwrap(static_cast<uint32_t>(truth)) != truth + offset32) FAIL("32 bits, step " << i);
      if (fifteen.unwrap(static_cast<uint16_t>(truth & 0x7fff)) != truth + offset15)
        FAIL("15 bits, step " << i);
      highest = std::max(highest, truth);
    }
  }
}
