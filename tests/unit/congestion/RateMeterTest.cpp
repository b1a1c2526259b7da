#include "media/congestion/RateMeter.hpp"

#include <catch2/catch.hpp>

using namespace sotto;
using base::DataSize;
using base::TimeDelta;
using base::Timestamp;
using congestion::RateMeter;

TEST_CASE("A steady stream is measured within two percent") {
  RateMeter meter;
  Timestamp now = Timestamp::millis(10'000);
  for (int i = 0; i < 300; ++i) {
    meter.add(DataSize::bytes(1'250), now);
    now = now + TimeDelta::millis(10);
  }
  CHECK(meter.rate(now).bps() == Approx(1'000'000).epsilon(0.06));
}

TEST_CASE("What left the window counts no more") {
  RateMeter meter;
  const Timestamp start = Timestamp::millis(5'000);
  meter.add(DataSize::bytes(100'000), start);
  CHECK(meter.rate(start + TimeDelta::millis(900)).bps() > 0);
  CHECK(meter.rate(start + TimeDelta::millis(1'100)).bps() == 0);
  CHECK(meter.empty(start + TimeDelta::seconds(100)));
  // Long after, the old bytes do not come back with the new ones.
  meter.add(DataSize::bytes(1'000), start + TimeDelta::seconds(100));
  CHECK(meter.rate(start + TimeDelta::seconds(100)).bps() == 8'000);
}

TEST_CASE("The first burst is not taken for a rate") {
  RateMeter meter;
  const Timestamp start = Timestamp::millis(5'000);
  meter.add(DataSize::bytes(10'000), start);
  // 10 kB in no time would be without bound; it counts as if it had taken a tenth of the window.
  CHECK(meter.rate(start).bps() == 800'000);
}

TEST_CASE("Time that goes back is taken as the latest seen") {
  RateMeter meter;
  const Timestamp start = Timestamp::millis(5'000);
  meter.add(DataSize::bytes(1'000), start);
  meter.add(DataSize::bytes(1'000), start - TimeDelta::seconds(50));
  CHECK(meter.rate(start + TimeDelta::millis(500)).bps() == 32'000);
}

TEST_CASE("A meter that was never fed says zero") {
  const RateMeter meter;
  CHECK(meter.rate(Timestamp::millis(1)).bps() == 0);
  CHECK(meter.empty(Timestamp::millis(1)));
}
