#include "media/stream/ReceiverStatistics.hpp"

#include <catch2/catch.hpp>

using namespace sotto;
using namespace sotto::stream;
using base::TimeDelta;
using base::Timestamp;

namespace {
constexpr int64_t cycle = 0x10000;  // unwrapped numbers begin in the second cycle
}

TEST_CASE("Loss is reported as a fraction of the interval and in all", "[statistics]") {
  ReceiverStatistics statistics(90'000);
  CHECK_FALSE(statistics.report(1, Timestamp::millis(1)));
  Timestamp now = Timestamp::millis(1);
  for (int64_t i = 0; i < 100; ++i) {
    if (i % 4 != 3) statistics.onPacket(cycle + 65'500 + i, 0, now);
  }
  auto block = statistics.report(7, now);
  REQUIRE(block);
  CHECK(block->ssrc == 7);
  CHECK(block->cumulativeLost == 24);  // the last lost packet does not show yet
  CHECK(block->fractionLost == 24 * 256 / 99);
  CHECK(block->highestSequence == 65'500 + 98);  // one cycle, 62
  CHECK(block->lastSenderReport == 0);
  for (int64_t i = 100; i < 200; ++i) statistics.onPacket(cycle + 65'500 + i, 0, now);
  block = statistics.report(7, now);
  CHECK(block->fractionLost == 1 * 256 / 101);
  CHECK(block->cumulativeLost == 25);
}

TEST_CASE("Duplicates make loss negative, never a fraction", "[statistics]") {
  ReceiverStatistics statistics(90'000);
  for (int i = 0; i < 10; ++i) statistics.onPacket(cycle + 1, 0, Timestamp::millis(1));
  const auto block = statistics.report(7, Timestamp::millis(1));
  CHECK(block->cumulativeLost == -9);
  CHECK(block->fractionLost == 0);
}

TEST_CASE("LSR and DLSR come from the last sender report", "[statistics]") {
  ReceiverStatistics statistics(90'000);
  statistics.onPacket(cycle + 1, 0, Timestamp::millis(1));
  const rtp::NtpTime ntp = rtp::NtpTime::fromUnixMicros(1'700'000'000'250'000);
  statistics.onSenderReport(ntp, Timestamp::millis(100));
  const auto block = statistics.report(7, Timestamp::millis(350));
  CHECK(block->lastSenderReport == ntp.compact());
  CHECK(block->delaySinceSenderReport == 65'536 / 4);
}

TEST_CASE("Steady arrival has no jitter; jitter converges to the mean deviation", "[statistics]") {
  ReceiverStatistics steady(90'000), shaky(90'000);
  for (int64_t i = 0; i < 2'000; ++i) {
    const Timestamp at = Timestamp::millis(1'000 + 20 * i);
    steady.onPacket(cycle + i, static_cast<uint32_t>(0xFFFF0000 + 1'800 * i), at);
    // Every other packet 10 ms late: successive transit times differ by 10 ms.
    shaky.onPacket(cycle + i, static_cast<uint32_t>(1'800 * i), at + TimeDelta::millis(i % 2 * 10));
  }
  CHECK(steady.jitter() <= 1);
  CHECK(shaky.jitter() > 880);
  CHECK(shaky.jitter() <= 900);
}
