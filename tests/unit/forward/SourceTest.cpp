#include "media/forward/Source.hpp"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "tests/unit/forward/FrameMaker.hpp"

using namespace sotto;
using namespace sotto::forward;
using base::TimeDelta;
using base::Timestamp;
using test::FrameMaker;
using test::FrameSpec;

namespace {
constexpr Timestamp start = Timestamp::millis(100'000);
FrameSpec key(uint32_t ssrc, uint16_t width, uint16_t height) {
  FrameSpec spec;
  spec.ssrc = ssrc;
  spec.key = true;
  spec.width = width;
  spec.height = height;
  return spec;
}
FrameSpec delta(uint32_t ssrc, uint8_t temporal = 0, size_t size = 1'000) {
  FrameSpec spec;
  spec.ssrc = ssrc;
  spec.temporal = temporal;
  spec.size = size;
  return spec;
}
}  // namespace

TEST_CASE("Layers rank by size, whatever the order in which they come") {
  FrameMaker maker;
  Source source(1);
  source.onFrame(maker.make(key(30, 1'280, 720)), {}, start);
  source.onFrame(maker.make(key(10, 320, 180)), {}, start);
  source.onFrame(maker.make(key(20, 640, 360)), {}, start);
  std::vector<uint16_t> heights;
  for (const LayerOption& option : source.options(start)) heights.push_back(option.height);
  CHECK(heights == std::vector<uint16_t>{180, 360, 720});
}

TEST_CASE("A layer whose size is not known yet is no option, and its key frame is asked for") {
  FrameMaker maker;
  Source source(1);
  source.onFrame(maker.make(delta(10)), {}, start);
  CHECK(source.options(start).empty());
  source.wantSizes(start);
  CHECK(source.keyFrames().next(start) == 10);
  source.onFrame(maker.make(key(10, 320, 180)), {}, start + TimeDelta::millis(10));
  CHECK(source.options(start + TimeDelta::millis(10)).size() == 1);
}

TEST_CASE("A layer that claims no width or no height stays of unknown size, beside others that are known") {
  FrameMaker maker;
  Source source(1);
  for (const auto& [width, height] : {std::pair{0, 0}, std::pair{0, 65'535}, std::pair{65'535, 0}}) {
    INFO(width << " x " << height);
    source.onFrame(maker.make(key(10, static_cast<uint16_t>(width), static_cast<uint16_t>(height))), {},
                   start);
    CHECK(source.options(start).empty());
    CHECK(source.bestKnown(0) == noLayer);
  }
  const Timestamp later = start + TimeDelta::millis(200);
  source.onFrame(maker.make(key(20, 640, 360)), {}, later);
  source.onFrame(maker.make(delta(10)), {}, later);
  const auto options = source.options(later);
  REQUIRE(options.size() == 1);
  CHECK(source.layer(options[0].layer).ssrc == 20);
}

TEST_CASE("A layer that stops is no option any more, but a source that stops whole keeps its layers") {
  FrameMaker maker;
  Source source(1);
  Timestamp now = start;
  source.onFrame(maker.make(key(10, 320, 180)), {}, now);
  source.onFrame(maker.make(key(20, 640, 360)), {}, now);
  for (int i = 0; i < 60; ++i) {
    now = now + TimeDelta::millis(33);
    source.onFrame(maker.make(delta(10)), {}, now);
  }
  REQUIRE(source.options(now).size() == 1);
  CHECK(source.options(now)[0].height == 180);
  CHECK(source.layer(source.bestKnown(0)).height == 360);
  CHECK(!source.stopped(now));
  now = now + TimeDelta::seconds(10);
  CHECK(source.options(now).size() == 1);
  CHECK(source.stopped(now));
}

TEST_CASE("A layer of which nothing comes has stopped; one whose packets come is a key frame away") {
  FrameMaker maker;
  Source source(1);
  Timestamp now = start;
  source.onFrame(maker.make(key(10, 320, 180)), {}, now);
  source.onFrame(maker.make(key(20, 640, 360)), {}, now);
  const auto step = [&](bool whole) {
    now = now + TimeDelta::millis(33);
    source.onFrame(maker.make(delta(10)), {}, now);
    if (whole) source.onFrame(maker.make(delta(20)), {}, now);
  };
  for (int i = 0; i < 10; ++i) step(true);
  const LayerIndex tall = source.bestKnown(0);
  const Timestamp last = now;
  const uint64_t layout = source.layoutRevision();
  const auto timeUntilGone = [&](bool packets) {
    while (source.active(tall) && now - last < TimeDelta::seconds(2)) {
      if (packets) source.onPacket(20, now + TimeDelta::millis(5));
      step(false);
    }
    return (now - last).us() / 1'000;
  };
  SECTION("silent") {
    const int64_t gone = timeUntilGone(false);
    CHECK(gone >= 250);
    CHECK(gone <= 330);
    CHECK(source.layoutRevision() == layout + 1);
    CHECK(source.options(now).size() == 1);
    step(true);
    CHECK(source.active(tall));
    CHECK(source.layoutRevision() == layout + 2);
    CHECK(source.options(now).size() == 2);
  }
  SECTION("packets without frames: it counts with what it took before") {
    const base::DataRate before = source.rate(tall, allTemporalLayers, now);
    CHECK(timeUntilGone(true) >= 2'000);
    CHECK(source.layoutRevision() == layout);
    CHECK(source.options(now).size() == 2);
    CHECK(source.rate(tall, allTemporalLayers, now) == before);
  }
}

TEST_CASE("Rates are measured for each temporal layer, and half the frames are an option") {
  FrameMaker maker;
  Source source(1);
  Timestamp now = start;
  source.onFrame(maker.make(key(10, 320, 180)), {}, now);
  const uint8_t pattern[] = {0, 2, 1, 2};
  for (int i = 0; i < 120; ++i) {
    now = now + TimeDelta::millis(25);
    source.onFrame(maker.make(delta(10, pattern[i % 4])), {}, now);
  }
  const auto options = source.options(now);
  REQUIRE(options.size() == 3);
  CHECK(options[0].maxTemporal == 0);
  CHECK(options[1].maxTemporal == 1);
  CHECK(options[2].maxTemporal == allTemporalLayers);
  CHECK(options[0].rate.bps() * 2 == Approx(options[1].rate.bps()).epsilon(0.1));
  CHECK(options[1].rate.bps() * 2 == Approx(options[2].rate.bps()).epsilon(0.1));
  // 40 frames a second of 1,000 bytes and a packet's overhead.
  CHECK(options[2].rate.bps() == Approx(40 * 8 * 1'075).epsilon(0.08));
}

TEST_CASE("The rate of a spatial layer counts those below it") {
  FrameMaker maker;
  Source source(1);
  Timestamp now = start;
  uint32_t timestamp = 0;
  for (int i = 0; i < 60; ++i) {
    now = now + TimeDelta::millis(33);
    timestamp += 3'000;
    for (int8_t spatial = 0; spatial < 3; ++spatial) {
      FrameSpec spec =
          i == 0 ? key(10, static_cast<uint16_t>(320 << spatial), static_cast<uint16_t>(180 << spatial))
                 : delta(10);
      spec.key = i == 0 && spatial == 0;
      spec.spatial = spatial;
      spec.endOfPicture = spatial == 2;
      spec.timestamp = timestamp;
      const ArrivedFrame arrived = source.onFrame(maker.make(spec), {}, now);
      CHECK(arrived.startsPicture == (spatial == 0));
      CHECK(arrived.startsStream == (i == 0 && spatial == 0));
    }
  }
  const auto options = source.options(now);
  REQUIRE(options.size() == 3);
  CHECK(options[2].height == 720);
  CHECK(options[2].rate.bps() == Approx(3 * options[0].rate.bps()).epsilon(0.02));
}

TEST_CASE("A bound on the height keeps what is within it, or the smallest layer when all are taller") {
  FrameMaker maker;
  Source source(1);
  for (uint16_t i = 1; i <= 3; ++i) source.onFrame(maker.make(key(i, 320 * i, 180 * i)), {}, start);
  const auto options = source.options(start);
  CHECK(optionsWithin(options, 0).size() == 3);
  CHECK(optionsWithin(options, 360).size() == 2);
  CHECK(optionsWithin(options, 539).size() == 2);
  CHECK(optionsWithin(options, 90).size() == 1);
  CHECK(optionsWithin({}, 90).empty());
}

TEST_CASE("A rejected frame gives its stream a new epoch") {
  FrameMaker maker;
  Source source(1);
  const uint32_t before = source.onFrame(maker.make(key(10, 320, 180)), {}, start).epoch;
  const uint32_t other = source.onFrame(maker.make(key(20, 640, 360)), {}, start).epoch;
  source.onRejected(10);
  CHECK(source.onFrame(maker.make(delta(10)), {}, start).epoch != before);
  CHECK(source.onFrame(maker.make(delta(20)), {}, start).epoch == other);
  source.onAllRejected();
  CHECK(source.onFrame(maker.make(delta(20)), {}, start).epoch != other);
}

TEST_CASE("A publisher that invents streams fills the table, not the memory") {
  FrameMaker maker;
  Source source(1);
  int placed = 0;
  for (uint32_t ssrc = 1; ssrc <= 1'000; ++ssrc) {
    if (source.onFrame(maker.make(key(ssrc, 320, 180)), {}, start).layer != noLayer) ++placed;
  }
  CHECK(placed == static_cast<int>(Source::maxLayers));
  // When the old ones are gone, a new one finds a place.
  CHECK(source.onFrame(maker.make(key(5'000, 320, 180)), {}, start + TimeDelta::seconds(10)).layer !=
        noLayer);
}
