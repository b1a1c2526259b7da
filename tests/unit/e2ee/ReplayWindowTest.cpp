// ReplayWindow against a plain set, over random counters.
#include <catch2/catch.hpp>
#include <set>

#include "client/native/e2ee/ReplayWindow.hpp"
#include "media/base/Random.hpp"

namespace sotto::client::e2ee {

TEST_CASE("The replay window agrees with a plain list of what was accepted") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    base::SeededRandom random(seed);
    ReplayWindow window;
    std::set<uint64_t> accepted;
    uint64_t highest = 0, base = random.u64() >> 1;
    for (int i = 0; i < 5'000; ++i) {
      if (random.u32() % 500 == 0) base += random.u32() % 3'000;
      base += random.u32() % 3;
      const uint64_t counter = base - random.u32() % 1'500;
      const bool tooOld = !accepted.empty() && counter < highest && highest - counter >= ReplayWindow::size;
      const bool expected = tooOld || accepted.count(counter) != 0;
      REQUIRE(window.seen(counter) == expected);
      if (expected) continue;
      window.accept(counter);
      accepted.insert(counter);
      highest = std::max(highest, counter);
    }
  }
}

TEST_CASE("The replay window takes the first and the last counter there is") {
  ReplayWindow window;
  CHECK_FALSE(window.seen(0));
  window.accept(0);
  CHECK(window.seen(0));
  window.accept(UINT64_MAX);
  CHECK(window.seen(UINT64_MAX));
  CHECK(window.seen(0));
  CHECK_FALSE(window.seen(UINT64_MAX - 1'023));
  CHECK(window.seen(UINT64_MAX - 1'024));
}

}  // namespace sotto::client::e2ee
