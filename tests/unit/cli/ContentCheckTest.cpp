// Verification of synthetic frames and the latency histogram.
#include <catch2/catch.hpp>

#include "client/native/cli/ContentCheck.hpp"
#include "client/native/mediafile/SyntheticSource.hpp"

namespace sotto::client::cli {
namespace {

call::RemoteFrame remote(base::ByteView data) {
  call::RemoteFrame frame;
  frame.codec = frame::CodecType::Vp8;
  frame.data = data;
  return frame;
}

}  // namespace

TEST_CASE("Percentiles come out to a tenth of a millisecond, and the maximum exactly") {
  LatencyHistogram histogram;
  for (int64_t ms = 1; ms <= 100; ++ms) histogram.add(ms * 1'000);
  CHECK(histogram.percentileMs(0.5) == Approx(50).margin(0.11));
  CHECK(histogram.percentileMs(0.95) == Approx(95).margin(0.11));
  CHECK(histogram.maxMs() == Approx(100));
  histogram.add(60'000'000);
  CHECK(histogram.maxMs() == Approx(60'000));
  CHECK(histogram.percentileMs(1) == Approx(60'000));
  CHECK(histogram.clocksShared());
}

TEST_CASE("A frame from the future shows that clocks are not shared") {
  LatencyHistogram histogram;
  CHECK_FALSE(histogram.clocksShared());
  histogram.add(1'000);
  CHECK(histogram.clocksShared());
  histogram.add(-1);
  CHECK_FALSE(histogram.clocksShared());
}

TEST_CASE("Intact synthetic frames are verified and timed, changed ones counted as damaged") {
  const auto source = mediafile::makeSyntheticVideo({});
  ContentCheck check;
  for (int i = 0; i < 10; ++i) {
    const auto frame = source->next(5'000'000);
    check.onFrame(remote(frame.payload), 5'020'000);
  }
  CHECK(check.verified() == 10);
  CHECK(check.damaged() == 0);
  CHECK(check.latency().percentileMs(0.5) == Approx(20).margin(0.11));

  const auto frame = source->next(5'000'000);
  std::vector<uint8_t> changed(frame.payload.begin(), frame.payload.end());
  changed.back() ^= 1;
  check.onFrame(remote(changed), 5'020'000);
  CHECK(check.damaged() == 1);
  check.onFrame(remote(base::ByteView(changed).first(20)), 5'020'000);
  CHECK(check.damaged() == 2);
}

TEST_CASE("Real media is neither verified nor damaged") {
  ContentCheck check;
  check.onFrame(remote(std::vector<uint8_t>(500, 7)), 1);
  CHECK(check.verified() == 0);
  CHECK(check.damaged() == 0);
}

}  // namespace sotto::client::cli
