// A rate times a duration is a size.
#include "media/base/Units.hpp"

#include <catch2/catch.hpp>

using namespace sotto::base;

TEST_CASE("Rate, duration and size convert into each other") {
  CHECK(DataRate::kilobitsPerSecond(800) * TimeDelta::millis(10) == DataSize::bytes(1000));
  CHECK(DataSize::bytes(1000) / TimeDelta::millis(10) == DataRate::kilobitsPerSecond(800));
  CHECK(DataSize::bytes(1000) / DataRate::kilobitsPerSecond(800) == TimeDelta::millis(10));
  CHECK(DataRate::bitsPerSecond(7) * TimeDelta::seconds(1) == DataSize::zero());  // whole bytes
  CHECK(DataRate::bitsPerSecond(10'000'000'000'000) * TimeDelta::seconds(3600) ==
        DataSize::bytes(4'500'000'000'000'000));
}

TEST_CASE("Points in time and spans add up") {
  const Timestamp start = Timestamp::millis(5);
  CHECK(start + TimeDelta::micros(1) == Timestamp::micros(5001));
  CHECK((start + TimeDelta::seconds(2)) - start == TimeDelta::millis(2000));
  CHECK(start - TimeDelta::millis(6) == Timestamp::millis(-1));
  CHECK(-TimeDelta::millis(3) == TimeDelta::zero() - TimeDelta::millis(3));
  CHECK(TimeDelta::millis(10) * 3 / 2 == TimeDelta::millis(15));
  TimeDelta sum = TimeDelta::millis(1);
  sum += TimeDelta::millis(2);
  CHECK(sum.ms() == 3);
  CHECK(TimeDelta::micros(1500).ms() == 1);
  CHECK(TimeDelta::millis(1500).secondsAsDouble() == 1.5);
}

TEST_CASE("The infinities compare as they should and leave room for arithmetic") {
  const Timestamp now = Timestamp::millis(1'000'000'000'000);
  CHECK(Timestamp::minusInfinity() < now);
  CHECK(now < Timestamp::plusInfinity());
  CHECK(Timestamp::minusInfinity() + TimeDelta::infinite() < Timestamp::plusInfinity());
  CHECK(now - Timestamp::minusInfinity() > TimeDelta::seconds(1'000'000));
  CHECK(Timestamp::plusInfinity() - now > TimeDelta::zero());
  CHECK(DataRate::infinite() > DataRate::kilobitsPerSecond(1'000'000'000));
}

TEST_CASE("Rates scale by a ratio") {
  CHECK(DataRate::bitsPerSecond(1'000'000) * 0.85 == DataRate::bitsPerSecond(850'000));
  CHECK(DataRate::zero() * 1000.0 == DataRate::zero());
  DataSize size = DataSize::bytes(10);
  size += DataSize::bytes(5);
  size -= DataSize::bytes(1);
  CHECK(size + DataSize::bytes(1) - DataSize::bytes(2) == DataSize::bytes(13));
}
