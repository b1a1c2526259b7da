#include "media/stream/SenderClock.hpp"

#include <catch2/catch.hpp>

using namespace sotto;
using namespace sotto::stream;

TEST_CASE("A sender clock maps timestamps before and after its report, also over the wrap", "[clock]") {
  SenderClock clock(90'000);
  CHECK_FALSE(clock.toNtp(0));
  CHECK_FALSE(clock.toRtp({1}));
  const rtp::NtpTime ntp = rtp::NtpTime::fromUnixMicros(1'700'000'000'000'000);
  clock.onPair(ntp, 0xFFFFFFF0);
  const uint32_t later = 0xFFFFFFF0U + 135'000U;   // 1.5 s
  const uint32_t earlier = 0xFFFFFFF0U - 45'000U;  // 0.5 s
  CHECK(std::abs((*clock.toNtp(later) - ntp).us() - 1'500'000) <= 1);
  CHECK(std::abs((*clock.toNtp(earlier) - ntp).us() + 500'000) <= 1);
  for (const uint32_t timestamp : {later, earlier, 0xFFFFFFF0U, 0U}) {
    CHECK(clock.toRtp(*clock.toNtp(timestamp)) == timestamp);
  }
}

TEST_CASE("Timestamps of two streams of one sender meet on its wall clock", "[clock]") {
  SenderClock low(90'000), high(90'000), audio(48'000);
  const int64_t start = 1'700'000'000'000'000;
  low.onPair(rtp::NtpTime::fromUnixMicros(start), 1'000);
  CHECK_FALSE(mapTimestamp(low, high, 1'000));
  high.onPair(rtp::NtpTime::fromUnixMicros(start + 1'000'000), 700'000);
  audio.onPair(rtp::NtpTime::fromUnixMicros(start - 2'000'000), 5'000'000);
  CHECK(mapTimestamp(low, high, 1'000 + 90'000) == 700'000U);
  CHECK(mapTimestamp(low, high, 1'000) == 700'000U - 90'000U);
  CHECK(mapTimestamp(low, audio, 1'000) == 5'000'000U + 96'000U);
}

TEST_CASE("A sender without a wall clock maps nothing", "[clock]") {
  SenderClock clock(90'000);
  clock.onPair({0}, 5);
  CHECK_FALSE(clock.known());
}
