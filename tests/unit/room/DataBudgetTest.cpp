#include "media/room/DataBudget.hpp"

#include <catch2/catch.hpp>

using namespace sotto;
using base::TimeDelta;
using base::Timestamp;
using room::DataBudget;

TEST_CASE("A burst of messages passes at once, the rest at the rate", "[data]") {
  Timestamp now = Timestamp::millis(1);
  DataBudget budget(now);
  int passed = 0;
  while (budget.readyAt(now) <= now) {
    budget.spend(10, now);
    ++passed;
  }
  CHECK(passed == 501);
  const Timestamp begun = now;
  for (int i = 0; i < 1'000; ++i) {
    now = budget.readyAt(now);
    budget.spend(10, now);
  }
  CHECK((now - begun).ms() >= 4'990);
  CHECK((now - begun).ms() <= 5'010);
}

TEST_CASE("Large messages are held to the rate of bytes", "[data]") {
  Timestamp now = Timestamp::millis(1);
  DataBudget budget(now);
  for (int i = 0; i < 16; ++i) budget.spend(65'536, now);
  CHECK(budget.readyAt(now) == now);
  budget.spend(65'536, now);
  CHECK(budget.readyAt(now) - now == TimeDelta::millis(250));
  now = now + TimeDelta::seconds(60);
  CHECK(budget.readyAt(now) == now);
}
