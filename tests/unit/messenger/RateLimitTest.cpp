// The two limits.
#include "client/native/e2ee/messenger/RateLimit.hpp"

#include <catch2/catch.hpp>

namespace sotto::client::e2ee {

using base::TimeDelta;

TEST_CASE("A bucket gives its burst at once and then one for each interval") {
  RateLimit limit(3, TimeDelta::seconds(10));
  base::Timestamp now = base::Timestamp::millis(5'000'000);
  for (int i = 0; i < 3; ++i) CHECK(limit.take(now));
  CHECK_FALSE(limit.take(now));
  CHECK_FALSE(limit.take(now + TimeDelta::millis(9'999)));
  CHECK(limit.take(now + TimeDelta::seconds(10)));
  CHECK_FALSE(limit.take(now + TimeDelta::seconds(10)));
  now = now + TimeDelta::seconds(1'000);
  for (int i = 0; i < 3; ++i) CHECK(limit.take(now));
  CHECK_FALSE(limit.take(now));
}

TEST_CASE("A period limit holds over every period") {
  PeriodLimit limit(2, TimeDelta::seconds(10));
  const base::Timestamp now = base::Timestamp::millis(5'000'000);
  CHECK(limit.take(now));
  CHECK(limit.take(now + TimeDelta::seconds(9)));
  CHECK_FALSE(limit.take(now + TimeDelta::millis(9'999)));
  CHECK(limit.take(now + TimeDelta::seconds(10)));
  CHECK_FALSE(limit.take(now + TimeDelta::seconds(18)));
  CHECK(limit.take(now + TimeDelta::seconds(19)));
}

}  // namespace sotto::client::e2ee
