#include "media/forward/LayerSelector.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <vector>

#include "media/base/Random.hpp"
#include "tests/unit/forward/FrameMaker.hpp"

using namespace sotto;
using namespace sotto::forward;
using base::TimeDelta;
using base::Timestamp;
using test::FrameMaker;
using test::FrameSpec;
using Verdict = LayerSelector::Verdict;

namespace {

constexpr Timestamp start = Timestamp::millis(100'000);

/// One source of several streams and a selector, frame by frame.
struct Scene {
  FrameMaker maker;
  Source source{1};
  LayerSelector selector;
  Timestamp now = start;

  LayerSelector::Decision give(FrameSpec spec) {
    if (spec.key && spec.width == 0) {
      spec.width = static_cast<uint16_t>(320 * spec.ssrc);
      spec.height = static_cast<uint16_t>(180 * spec.ssrc);
    }
    now = now + TimeDelta::millis(10);
    if (spec.timestamp == 0) spec.timestamp = static_cast<uint32_t>(now.ms() * 90);
    return selector.onFrame(source.onFrame(maker.make(spec), {}, now), source, now);
  }
  LayerSelector::Decision key(uint32_t ssrc) {
    FrameSpec spec;
    spec.ssrc = ssrc;
    spec.key = true;
    return give(spec);
  }
  LayerSelector::Decision delta(uint32_t ssrc, uint8_t temporal = 0, bool sync = false,
                                bool disposable = false) {
    FrameSpec spec;
    spec.ssrc = ssrc;
    spec.temporal = temporal;
    spec.sync = sync;
    spec.disposable = disposable;
    return give(spec);
  }
  LayerSelector::Decision svc(int8_t spatial, uint32_t timestamp, bool keyPicture = false, int8_t top = 2) {
    FrameSpec spec;
    spec.spatial = spatial;
    spec.timestamp = timestamp;
    spec.key = keyPicture && spatial == 0;
    spec.endOfPicture = spatial == top;
    if (keyPicture) {
      spec.width = static_cast<uint16_t>(320 << spatial);
      spec.height = static_cast<uint16_t>(180 << spatial);
    }
    return give(spec);
  }
  LayerIndex layerOf(uint32_t ssrc, uint8_t spatial = 0) const {
    for (size_t i = 0; i < source.layerCount(); ++i) {
      const auto& layer = source.layer(static_cast<LayerIndex>(i));
      if (layer.ssrc == ssrc && layer.spatial == spatial) return static_cast<LayerIndex>(i);
    }
    return noLayer;
  }
  void target(uint32_t ssrc, uint8_t maxTemporal = allTemporalLayers, bool forced = false,
              uint8_t spatial = 0) {
    selector.setTarget({layerOf(ssrc, spatial), maxTemporal, forced}, now);
  }
  /// All streams have sent a key frame, and stream `ssrc` is being sent.
  void begin(uint32_t streams, uint32_t ssrc) {
    for (uint32_t i = 1; i <= streams; ++i) key(i);
    target(ssrc);
    REQUIRE(key(ssrc).verdict == Verdict::Switch);
  }
};

}  // namespace

TEST_CASE("Nothing goes out before a key frame, nor without a target") {
  Scene scene;
  CHECK(scene.key(1).reason == LayerSelector::Reason::Paused);
  scene.target(1);
  CHECK(scene.delta(1).reason == LayerSelector::Reason::AwaitingKeyFrame);
  CHECK(scene.selector.awaitedStream(scene.source) == 1);
  CHECK(scene.key(1).verdict == Verdict::Switch);
  CHECK(scene.delta(1).verdict == Verdict::Forward);
  CHECK(scene.selector.awaitedStream(scene.source) == 0);
}

TEST_CASE("The old layer flows until the new one's key frame, then not one frame more") {
  Scene scene;
  scene.begin(3, 1);
  scene.target(3);
  CHECK(scene.delta(1).verdict == Verdict::Forward);
  CHECK(scene.delta(3).verdict == Verdict::Drop);
  CHECK(scene.delta(1, 2).verdict == Verdict::Forward);
  CHECK(scene.selector.awaitedStream(scene.source) == 3);
  CHECK(scene.key(2).verdict == Verdict::Drop);
  CHECK(scene.key(3).verdict == Verdict::Switch);
  CHECK(scene.delta(1).verdict == Verdict::Drop);
  CHECK(scene.key(1).verdict == Verdict::Drop);
  CHECK(scene.delta(3).verdict == Verdict::Forward);
}

TEST_CASE("While nothing flows, a lower layer's key frame is taken, a higher one's is not") {
  Scene scene;
  for (uint32_t ssrc = 1; ssrc <= 3; ++ssrc) scene.key(ssrc);
  scene.target(2);
  CHECK(scene.key(3).verdict == Verdict::Drop);
  CHECK(scene.key(1).verdict == Verdict::Switch);
  CHECK(scene.delta(1).verdict == Verdict::Forward);
  CHECK(scene.selector.awaitedStream(scene.source) == 2);
  CHECK(scene.key(2).verdict == Verdict::Switch);
}

TEST_CASE("While a forced switch down waits only the base goes out, and after a second nothing") {
  Scene scene;
  scene.begin(2, 2);
  CHECK(scene.delta(2, 2).verdict == Verdict::Forward);
  scene.target(1, allTemporalLayers, true);
  CHECK(scene.delta(2, 0).verdict == Verdict::Forward);
  CHECK(scene.delta(2, 1, true).verdict == Verdict::Drop);
  CHECK(scene.delta(2, 2).verdict == Verdict::Drop);
  scene.now = scene.now + TimeDelta::millis(900);
  CHECK(scene.delta(2, 0).verdict == Verdict::Forward);
  scene.now = scene.now + TimeDelta::millis(200);
  CHECK(scene.delta(2, 0).verdict == Verdict::Drop);
  CHECK(scene.selector.awaitedStream(scene.source) == 1);
  CHECK(scene.key(1).verdict == Verdict::Switch);
}

TEST_CASE("Temporal layers above the bound are dropped, and come back at a switching point only") {
  Scene scene;
  scene.begin(1, 1);
  scene.target(1, 0);
  CHECK(scene.delta(1, 2).verdict == Verdict::Drop);
  CHECK(scene.delta(1, 1).verdict == Verdict::Drop);
  CHECK(scene.delta(1, 0).verdict == Verdict::Forward);
  scene.target(1);
  CHECK(scene.delta(1, 2).verdict == Verdict::Drop);
  CHECK(scene.delta(1, 1).verdict == Verdict::Drop);
  CHECK(scene.delta(1, 1, true).verdict == Verdict::Forward);
  CHECK(scene.delta(1, 2, true).verdict == Verdict::Forward);
  CHECK(scene.delta(1, 1).verdict == Verdict::Forward);
}

TEST_CASE("Dropping what nothing depends on needs no switching point afterwards") {
  Scene scene;
  scene.begin(1, 1);
  scene.target(1, 0);
  CHECK(scene.delta(1, 1, false, true).verdict == Verdict::Drop);
  scene.target(1);
  CHECK(scene.delta(1, 1, false, true).verdict == Verdict::Forward);
}

TEST_CASE("After a frame that was not let through nothing goes out before a key frame") {
  Scene scene;
  scene.begin(2, 1);
  scene.source.onRejected(1);
  CHECK(scene.delta(1).reason == LayerSelector::Reason::AwaitingKeyFrame);
  CHECK(scene.selector.awaitedStream(scene.source) == 1);
  CHECK(scene.key(1).verdict == Verdict::Switch);
  CHECK(scene.delta(1).verdict == Verdict::Forward);
}

TEST_CASE("A spatial layer is reached at a key picture, and left at any picture") {
  Scene scene;
  for (int8_t s = 0; s < 3; ++s) scene.svc(s, 1'000, true);
  scene.target(1, allTemporalLayers, false, 2);
  for (int8_t s = 0; s < 3; ++s) {
    const auto decision = scene.svc(s, 2'000, true);
    CHECK(decision.verdict == (s == 0 ? Verdict::Switch : Verdict::Forward));
    CHECK(decision.endOfPicture == (s == 2));
  }
  // Down within a picture waits for the next one.
  CHECK(scene.svc(0, 3'000).forwards());
  scene.target(1, allTemporalLayers, false, 0);
  CHECK(scene.svc(1, 3'000).forwards());
  CHECK(scene.svc(2, 3'000).forwards());
  const auto base = scene.svc(0, 4'000);
  CHECK(base.forwards());
  CHECK(base.endOfPicture);
  CHECK(!scene.svc(1, 4'000).forwards());
  CHECK(!scene.svc(2, 4'000).forwards());
  // Up again only with a key picture, which is asked for.
  scene.target(1, allTemporalLayers, false, 1);
  CHECK(scene.selector.awaitedStream(scene.source) == 1);
  CHECK(scene.svc(0, 5'000).endOfPicture);
  CHECK(!scene.svc(1, 5'000).forwards());
  CHECK(!scene.svc(0, 6'000, true).endOfPicture);
  CHECK(scene.svc(1, 6'000, true).endOfPicture);
  CHECK(!scene.svc(2, 6'000, true).forwards());
  CHECK(scene.selector.awaitedStream(scene.source) == 0);
}

TEST_CASE("When the upper spatial layer of a picture never comes, the one below ends the pictures") {
  Scene scene;
  for (int8_t s = 0; s < 3; ++s) scene.svc(s, 1'000, true);
  scene.target(1, allTemporalLayers, false, 2);
  for (int8_t s = 0; s < 3; ++s) scene.svc(s, 2'000, true);
  CHECK(scene.svc(0, 3'000).forwards());
  CHECK(scene.svc(1, 3'000).forwards());
  CHECK(scene.svc(0, 4'000).forwards());
  CHECK(scene.svc(1, 4'000).endOfPicture);
  CHECK(scene.selector.awaitedStream(scene.source) == 1);
}

TEST_CASE("Whatever is asked for, every frame that goes out can be decoded") {
  const uint64_t seed = GENERATE(range(1, 21));
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  Scene scene;
  constexpr uint32_t streams = 3;
  for (uint32_t ssrc = 1; ssrc <= streams; ++ssrc) scene.key(ssrc);

  // The player's view: which picture of which stream it has decoded last at each temporal layer.
  struct Picture {
    int number = -1;
    bool sent = false;
  };
  std::map<uint32_t, std::vector<Picture>>
      latest;  // by stream and temporal layer: what the encoder refers to
  for (uint32_t ssrc = 1; ssrc <= streams; ++ssrc) latest[ssrc].resize(3);
  std::optional<uint32_t> playing;
  bool wantKey[streams + 1] = {};
  const uint8_t pattern[] = {0, 2, 1, 2};
  int forwarded = 0;
  for (int picture = 0; picture < 4'000; ++picture) {
    if (random.u32() % 40 == 0) {
      scene.target(1 + random.u32() % streams, static_cast<uint8_t>(random.u32() % 3), random.u32() % 2 == 0);
    }
    if (random.u32() % 300 == 0) scene.source.onRejected(1 + random.u32() % streams);
    if (const uint32_t awaited = scene.selector.awaitedStream(scene.source);
        awaited != 0 && random.u32() % 10 == 0) {
      wantKey[awaited] = true;
    }
    const uint8_t temporal = pattern[picture % 4];
    for (uint32_t ssrc = 1; ssrc <= streams; ++ssrc) {
      FrameSpec spec;
      spec.ssrc = ssrc;
      spec.temporal = temporal;
      spec.key = wantKey[ssrc] && temporal == 0;
      spec.sync = temporal == 1;
      spec.disposable = temporal == 2;
      if (spec.key) wantKey[ssrc] = false;
      const auto decision = scene.give(spec);
      auto& refs = latest[ssrc];
      if (decision.forwards()) {
        ++forwarded;
        if (playing != ssrc) CHECK(spec.key);
        playing = ssrc;
        // Base refers to base; the middle layer to the base before it; the top one to both.
        if (!spec.key) {
          CHECK(refs[0].sent);
          if (temporal == 2 && refs[1].number > refs[0].number) CHECK(refs[1].sent);
        }
        CHECK(decision.endOfPicture);
      }
      if (temporal < 2) refs[temporal] = {picture, decision.forwards()};
      // A switch away invalidates what the player had of the other streams.
      if (decision.forwards() && spec.key) {
        for (uint32_t other = 1; other <= streams; ++other) {
          if (other == ssrc) continue;
          for (Picture& p : latest[other]) p.sent = false;
        }
      }
    }
  }
  CHECK(forwarded > 800);
}
