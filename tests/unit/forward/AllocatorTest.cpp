#include "media/forward/Allocator.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "media/base/Random.hpp"

using namespace sotto;
using base::DataRate;
using forward::allTemporalLayers;
using forward::LayerOption;
using forward::SlotDemand;
using forward::SlotGrant;

namespace {

DataRate kbps(int64_t value) {
  return DataRate::kilobitsPerSecond(value);
}

/// 180p at 100, 360p at 200 (half the frames) and 300, 720p at 700 and 1,000 kb/s.
const std::vector<LayerOption> ladder{{0, allTemporalLayers, 320, 180, kbps(100)},
                                      {1, 1, 640, 360, kbps(200)},
                                      {1, allTemporalLayers, 640, 360, kbps(300)},
                                      {2, 1, 1'280, 720, kbps(700)},
                                      {2, allTemporalLayers, 1'280, 720, kbps(1'000)}};

std::vector<int> granted(const std::vector<SlotDemand>& demands, DataRate budget,
                         std::vector<bool>* limited = nullptr) {
  std::vector<SlotGrant> grants(demands.size());
  forward::allocate(demands, budget, grants);
  std::vector<int> options;
  for (const SlotGrant& grant : grants) {
    options.push_back(grant.option);
    if (limited != nullptr) limited->push_back(grant.limitedByBudget);
  }
  return options;
}

}  // namespace

TEST_CASE("Without a bound everyone gets the best") {
  std::vector<bool> limited;
  CHECK(granted({{ladder}, {ladder}}, DataRate::infinite(), &limited) == std::vector<int>{4, 4});
  CHECK(limited == std::vector<bool>{false, false});
}

TEST_CASE("The lowest layer for everyone comes before more for the important") {
  std::vector<bool> limited;
  CHECK(granted({{ladder, 10}, {ladder, 0}, {ladder, 0}}, kbps(340), &limited) == std::vector<int>{0, 0, 0});
  CHECK(limited == std::vector<bool>{true, true, true});
}

TEST_CASE("What is left goes to the important first, whole frame rates before larger pictures elsewhere") {
  CHECK(granted({{ladder, 0}, {ladder, 10}}, kbps(1'250)) == std::vector<int>{0, 4});
  CHECK(granted({{ladder, 5}, {ladder, 5}}, kbps(700)) == std::vector<int>{2, 2});
}

TEST_CASE("When not even the lowest layers fit, the least important is paused") {
  std::vector<bool> limited;
  CHECK(granted({{ladder, 1}, {ladder, 9}, {ladder, 5}}, kbps(230), &limited) == std::vector<int>{-1, 0, 0});
  CHECK(limited[0]);
}

TEST_CASE("Keeping a layer is easier than getting it") {
  SlotDemand demand{ladder};
  CHECK(granted({demand}, kbps(310)) == std::vector<int>{1});
  demand.current = 2;
  CHECK(granted({demand}, kbps(310)) == std::vector<int>{2});
  CHECK(granted({demand}, kbps(299)) == std::vector<int>{1});
}

TEST_CASE("A slot without options is paused, and nothing limits it") {
  std::vector<bool> limited;
  CHECK(granted({{}, {ladder}}, kbps(120), &limited) == std::vector<int>{-1, 0});
  CHECK(!limited[0]);
}

TEST_CASE("A grant never exceeds the budget, and no better one of the same slot would fit") {
  const uint64_t seed = GENERATE(range(1, 9));
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::vector<LayerOption>> options(1 + random.u32() % 12);
    std::vector<SlotDemand> demands;
    for (auto& list : options) {
      int64_t rate = 0;
      for (uint32_t i = 0, n = random.u32() % 6; i < n; ++i) {
        rate += 20 + random.u32() % 400;
        list.push_back({static_cast<uint8_t>(i), allTemporalLayers, 1, static_cast<uint16_t>(i), kbps(rate)});
      }
      demands.push_back({list, random.u32() % 3, -1});
    }
    const DataRate budget = kbps(random.u32() % 3'000);
    const std::vector<int> result = granted(demands, budget);
    double used = 0;
    for (size_t i = 0; i < demands.size(); ++i) {
      if (result[i] >= 0)
        used += 1.1 * static_cast<double>(options[i][static_cast<size_t>(result[i])].rate.bps());
    }
    CHECK(used <= static_cast<double>(budget.bps()) + 100);
    for (size_t i = 0; i < demands.size(); ++i) {
      if (result[i] + 1 >= static_cast<int>(options[i].size())) continue;
      const double now =
          result[i] < 0 ? 0 : static_cast<double>(options[i][static_cast<size_t>(result[i])].rate.bps());
      const double next = static_cast<double>(options[i][static_cast<size_t>(result[i] + 1)].rate.bps());
      CHECK(used + 1.1 * (next - now) > static_cast<double>(budget.bps()) - 100);
    }
  }
}
