#include "media/stream/NackGenerator.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace {

using namespace sotto;
using namespace sotto::stream;
using base::TimeDelta;
using base::Timestamp;

std::vector<uint16_t> collected(NackGenerator& generator, Timestamp now) {
  const auto batch = generator.collect(now);
  return {batch.begin(), batch.end()};
}

}  // namespace

TEST_CASE("A packet that may only be reordered is asked for after 10 ms", "[nack]") {
  NackGenerator generator;
  Timestamp now = Timestamp::millis(100);
  generator.onPacket(10, now);
  generator.onPacket(12, now);
  CHECK(collected(generator, now).empty());
  CHECK(generator.nextDeadline() == now + TimeDelta::millis(10));
  now = now + TimeDelta::millis(10);
  CHECK(collected(generator, now) == std::vector<uint16_t>{11});
  generator.onPacket(11, now);
  CHECK(generator.nextDeadline() == Timestamp::plusInfinity());
}

TEST_CASE("With three packets after it a missing one is asked for at once", "[nack]") {
  NackGenerator generator;
  const Timestamp now = Timestamp::millis(100);
  generator.onPacket(10, now);
  generator.onPacket(12, now);
  generator.onPacket(13, now);
  CHECK(collected(generator, now).empty());
  generator.onPacket(14, now);
  CHECK(collected(generator, now) == std::vector<uint16_t>{11});
}

TEST_CASE("A request is repeated after a round trip, ten times or half a second at most", "[nack]") {
  const auto [rttMs, most] = GENERATE(table<int, size_t>({{8, 10}, {100, 5}, {300, 2}}));
  NackGenerator generator;
  generator.setRtt(TimeDelta::millis(rttMs));
  Timestamp now = Timestamp::millis(100);
  generator.onPacket(10, now);
  generator.onPacket(20, now);
  std::vector<Timestamp> asked;
  for (int i = 0; i < 2'000; ++i, now = now + TimeDelta::millis(1)) {
    const auto batch = collected(generator, now);
    if (std::find(batch.begin(), batch.end(), 11) != batch.end()) asked.push_back(now);
  }
  CHECK(asked.size() == most);
  for (size_t i = 1; i < asked.size(); ++i) CHECK(asked[i] - asked[i - 1] >= TimeDelta::millis(rttMs));
  CHECK(asked.back() - asked.front() <= NackGenerator::maxAge);
  CHECK(generator.missing() == 0);
  CHECK(generator.nextDeadline() == Timestamp::plusInfinity());
}

TEST_CASE("What is of no more use is not asked for", "[nack]") {
  NackGenerator generator;
  const Timestamp now = Timestamp::millis(100);
  generator.onPacket(10, now);
  generator.onPacket(20, now);
  generator.giveUpBefore(17);
  CHECK(collected(generator, now) == std::vector<uint16_t>{17});
  CHECK(generator.missing() == 3);
}

TEST_CASE("Late and repeated packets do not count as losses", "[nack]") {
  NackGenerator generator;
  const Timestamp now = Timestamp::millis(100);
  generator.onPacket(10, now);
  generator.onPacket(9, now);
  generator.onPacket(10, now);
  generator.onPacket(11, now);
  CHECK(generator.missing() == 0);
}

TEST_CASE("A jump is remembered only as far as it is worth asking for", "[nack]") {
  NackGenerator generator;
  const Timestamp now = Timestamp::millis(100);
  generator.onPacket(10, now);
  generator.onPacket(15, now);
  generator.onPacket(30'000, now);
  CHECK(generator.missing() == NackGenerator::maxMissing);
  const auto batch = collected(generator, now);
  CHECK(batch.front() == 30'000 - NackGenerator::maxMissing);
  generator.onPacket(30'100, now);
  CHECK(generator.missing() == NackGenerator::maxMissing);
}

TEST_CASE("The deadline is when something is asked for next", "[nack]") {
  NackGenerator generator;
  generator.setRtt(TimeDelta::millis(40));
  Timestamp now = Timestamp::millis(100);
  generator.onPacket(10, now);
  generator.onPacket(12, now);
  int wakes = 0;
  while (generator.missing() > 0) {
    REQUIRE(++wakes < 30);
    const Timestamp next = generator.nextDeadline();
    REQUIRE(next > now);
    now = next;
    collected(generator, now);
  }
  CHECK(wakes >= 10);
}
