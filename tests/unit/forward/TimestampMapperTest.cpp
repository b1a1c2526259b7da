#include "media/forward/TimestampMapper.hpp"

#include <catch2/catch.hpp>

using namespace sotto;
using base::TimeDelta;
using base::Timestamp;
using forward::TimestampMapper;

namespace {
rtp::NtpTime captured(int64_t ms) {
  return rtp::NtpTime::fromUnixMicros(1'000'000'000'000 + ms * 1'000);
}
TimestampMapper::Input input(uint32_t timestamp, int64_t arrivalMs) {
  TimestampMapper::Input in;
  in.timestamp = timestamp;
  in.arrival = Timestamp::millis(arrivalMs);
  return in;
}
}  // namespace

TEST_CASE("Within a stream the publisher's steps are kept, across the wrap too") {
  TimestampMapper mapper(90'000, 5'000);
  CHECK(mapper.map(input(0xFFFFFF00, 0), true) == 5'000);
  CHECK(mapper.map(input(0xFFFFFF00 + 3'000, 33), true) == 8'000);
}

TEST_CASE("A switch between layers of one publisher goes by its clock, not by the time of arrival") {
  TimestampMapper mapper(90'000, 0);
  auto first = input(1'000'000, 1'000);
  first.captured = captured(0);
  mapper.map(first, false);
  // Captured 33 ms later, but its key frame is large and took 90 ms to come in.
  auto second = input(77, 1'090);
  second.captured = captured(33);
  second.switched = true;
  CHECK(mapper.map(second, true) == 2'970);
}

TEST_CASE("Without sender reports, or with ones that cannot be, a switch goes by the time of arrival") {
  TimestampMapper mapper(90'000, 0);
  mapper.map(input(1'000'000, 1'000), false);
  auto second = input(77, 1'050);
  second.switched = true;
  CHECK(mapper.map(second, true) == 4'500);

  auto known = input(3'077, 1'083);
  known.captured = captured(0);
  mapper.map(known, true);
  auto lying = input(500, 1'100);
  lying.captured = captured(50'000);
  lying.switched = true;
  CHECK(mapper.map(lying, true) == 4'500 + 3'000 + 17 * 90);
}

TEST_CASE(
    "What leads up to the present takes a millisecond each, and the next frame has its own time again") {
  TimestampMapper mapper(90'000, 0);
  mapper.map(input(1'000'000, 1'000), false);
  // A key frame of 100 ms ago, which came in 7 ms later than it should have; two more frames up to now.
  auto key = input(500, 907);
  key.switched = true;
  CHECK(mapper.map(key, true) == 90);
  CHECK(mapper.map(input(500 + 4'500, 950), true) == 180);
  // By arrival this is 7 ms after the frame sent last: too little to have shown the one before for.
  CHECK(mapper.map(input(500 + 9'000, 1'000), true) == 270);
  // 50 ms later by the publisher's clock, and what was passed over is made up for.
  CHECK(mapper.map(input(500 + 13'500, 1'050), true) == 57 * 90);
  CHECK(mapper.map(input(500 + 18'000, 1'100), true) == 107 * 90);
}

TEST_CASE("A key frame of a moment that has not been sent yet has its own time, as has what follows") {
  TimestampMapper mapper(90'000, 0);
  mapper.map(input(1'000'000, 1'000), false);
  auto later = input(77, 1'333);
  later.switched = true;
  CHECK(mapper.map(later, true) == 333 * 90);
  CHECK(mapper.map(input(77 + 3'000, 1'366), true) == 333 * 90 + 3'000);
}

TEST_CASE("Clocks of different publishers are never compared") {
  TimestampMapper mapper(90'000, 0);
  auto first = input(1'000'000, 1'000);
  first.captured = captured(0);
  mapper.map(first, false);
  auto second = input(77, 1'040);
  second.captured = captured(700);
  second.switched = true;
  CHECK(mapper.map(second, false) == 3'600);
}

TEST_CASE("Timestamps never stand still or go back, whatever the publisher writes") {
  TimestampMapper mapper(90'000, 0);
  uint32_t last = mapper.map(input(100'000, 1'000), true);
  int64_t arrival = 1'000;
  for (const uint32_t timestamp : {100'000u, 50'000u, 4'000'000'000u, 3'999'999'000u, 0u, 2'147'483'648u}) {
    arrival += 20;
    auto next = input(timestamp, arrival);
    const uint32_t mapped = mapper.map(next, true);
    const auto step = static_cast<int32_t>(mapped - last);
    CHECK(step > 0);
    CHECK(step <= 11 * 90'000);
    last = mapped;
  }
  // A key frame captured before the frame that was sent last.
  auto before = input(9, arrival + 1);
  before.switched = true;
  before.captured = captured(0);
  CHECK(static_cast<int32_t>(mapper.map(before, true) - last) > 0);
}

TEST_CASE("Spatial layers of one picture share its timestamp") {
  TimestampMapper mapper(90'000, 7);
  CHECK(mapper.map(input(100, 1'000), true) == 7);
  auto upper = input(100, 1'002);
  upper.samePicture = true;
  CHECK(mapper.map(upper, true) == 7);
  CHECK(mapper.map(input(3'100, 1'033), true) == 3'007);
}
