#include "media/forward/SlotAssignment.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <vector>

#include "media/base/Random.hpp"

using namespace sotto;
using forward::AudioSlots;
using forward::noSource;
using forward::SourceId;
using forward::VideoSlots;

namespace {
using Ids = std::vector<SourceId>;
Ids list(std::span<const SourceId> ids) {
  return {ids.begin(), ids.end()};
}
}  // namespace

TEST_CASE("A voice keeps its slot while it is wanted") {
  AudioSlots slots(3);
  CHECK(slots.assign(Ids{1, 2, 3}, {}, 3));
  CHECK(list(slots.bound()) == Ids{1, 2, 3});
  CHECK(slots.assign(Ids{3, 4, 1}, {}, 3));
  CHECK(list(slots.bound()) == Ids{1, 4, 3});
  CHECK(!slots.assign(Ids{1, 3, 4}, {}, 3));
}

TEST_CASE("With fewer slots than voices, whoever speaks gets in for one who does not") {
  AudioSlots slots(2);
  slots.assign(Ids{1, 2, 3}, {}, 2);
  CHECK(list(slots.bound()) == Ids{1, 2});
  CHECK(slots.assign(Ids{1, 2, 3}, Ids{1, 3}, 2));
  CHECK(list(slots.bound()) == Ids{1, 3});
  // All speak: nobody is thrown out.
  CHECK(!slots.assign(Ids{1, 2, 3}, Ids{1, 2, 3}, 2));
}

TEST_CASE("No more slots are used than the limit says") {
  AudioSlots slots(5);
  slots.assign(Ids{1, 2, 3, 4}, Ids{4}, 2);
  CHECK(std::count(slots.bound().begin(), slots.bound().end(), noSource) == 3);
  CHECK(slots.bound()[0] == 4);
}

TEST_CASE("Named slots show whom they name, auto slots the best others, in steady places") {
  VideoSlots slots;
  slots.reset(Ids(4, noSource));
  slots.wish(0) = {VideoSlots::Mode::Named, 7};
  slots.wish(1) = {VideoSlots::Mode::Auto, noSource};
  slots.wish(2) = {VideoSlots::Mode::Auto, noSource};
  CHECK(slots.assign(Ids{7, 5, 6, 8}));
  CHECK(list(slots.bound()) == Ids{7, 5, 6, 0});
  // 8 speaks: it takes the place of the one who falls out, and 6 stays where it is.
  CHECK(slots.assign(Ids{8, 6, 7, 5}));
  CHECK(list(slots.bound()) == Ids{7, 8, 6, 0});
  CHECK(!slots.assign(Ids{6, 8, 7, 5}));
  slots.wish(0) = {};
  CHECK(slots.assign(Ids{6, 8, 7, 5}));
  CHECK(list(slots.bound()) == Ids{0, 8, 6, 0});
}

TEST_CASE("An auto slot never shows one who is named elsewhere, nor anyone twice") {
  const uint64_t seed = GENERATE(range(1, 6));
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  VideoSlots slots;
  slots.reset(Ids(6, noSource));
  for (int round = 0; round < 500; ++round) {
    Ids candidates{1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t i = candidates.size() - 1; i > 0; --i)
      std::swap(candidates[i], candidates[random.u32() % (i + 1)]);
    candidates.resize(random.u32() % 9);
    const size_t changed = random.u32() % 6;
    const auto mode = static_cast<VideoSlots::Mode>(random.u32() % 3);
    slots.wish(changed) = {mode, mode == VideoSlots::Mode::Named ? 1 + random.u32() % 8 : noSource};
    slots.assign(candidates);
    std::set<SourceId> named, automatic;
    size_t autoSlots = 0;
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots.wish(i).mode == VideoSlots::Mode::Named) {
        named.insert(slots.wish(i).named);
        CHECK(slots.bound()[i] == slots.wish(i).named);
      }
    }
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots.wish(i).mode == VideoSlots::Mode::None) CHECK(slots.bound()[i] == noSource);
      if (slots.wish(i).mode != VideoSlots::Mode::Auto) continue;
      ++autoSlots;
      const SourceId bound = slots.bound()[i];
      if (bound == noSource) continue;
      CHECK(named.count(bound) == 0);
      CHECK(automatic.insert(bound).second);
      CHECK(std::find(candidates.begin(), candidates.end(), bound) != candidates.end());
    }
    const auto free = static_cast<size_t>(std::count_if(candidates.begin(), candidates.end(),
                                                        [&](SourceId id) { return named.count(id) == 0; }));
    CHECK(automatic.size() == std::min(autoSlots, free));
  }
}
