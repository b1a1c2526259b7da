#include "media/forward/Allocator.hpp"

namespace sotto::forward {

using base::DataRate;

namespace {

/// What an option counts as, given what is sent now.
DataRate costOf(const SlotDemand& demand, int option) {
  if (option < 0) return DataRate::zero();
  const DataRate rate = demand.options[static_cast<size_t>(option)].rate;
  return option > demand.current ? rate * raiseHeadroom : rate;
}

/// True when slot `a` is served before slot `b` on the way up: priority, then whoever has less so far.
bool goesBefore(const SlotDemand& a, const SlotGrant& grantA, const SlotDemand& b, const SlotGrant& grantB) {
  if (a.priority != b.priority) return a.priority > b.priority;
  auto height = [](const SlotDemand& demand, const SlotGrant& grant) {
    return grant.option < 0 ? -1 : int{demand.options[static_cast<size_t>(grant.option)].height};
  };
  return height(a, grantA) < height(b, grantB);
}

}  // namespace

void allocate(std::span<const SlotDemand> demands, DataRate budget, std::span<SlotGrant> grants) {
  DataRate left = budget;
  for (SlotGrant& grant : grants) grant = SlotGrant{};

  // Two passes of one rule: raise the slot that goes first by one option while that fits. The first pass ends
  // at the lowest option of each, the second at the highest.
  for (const bool lowestOnly : {true, false}) {
    while (true) {
      size_t best = demands.size();
      for (size_t i = 0; i < demands.size(); ++i) {
        const bool canRaise = !grants[i].limitedByBudget &&
                              grants[i].option + 1 < static_cast<int>(demands[i].options.size()) &&
                              (lowestOnly ? grants[i].option < 0 : grants[i].option >= 0);
        if (!canRaise) continue;
        if (best == demands.size() || goesBefore(demands[i], grants[i], demands[best], grants[best]))
          best = i;
      }
      if (best == demands.size()) break;
      const DataRate before = costOf(demands[best], grants[best].option);
      const DataRate after = costOf(demands[best], grants[best].option + 1);
      const DataRate extra = DataRate::bitsPerSecond(after.bps() - before.bps());
      if (extra > left) {
        grants[best].limitedByBudget = true;
        continue;
      }
      left = DataRate::bitsPerSecond(left.bps() - extra.bps());
      ++grants[best].option;
    }
  }
}

}  // namespace sotto::forward
