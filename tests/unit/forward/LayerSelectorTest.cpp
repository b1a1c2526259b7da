#include "media/forward/LayerSelector.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>
#include <utility>
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

/// One source of several streams and a selector, frame by frame. Key frames are forgotten after `forget()`.
struct Scene {
  FrameMaker maker;
  Source source{1};
  LayerSelector selector;
  Timestamp now = start;
  std::vector<ArrivedFrame> sent;  ///< by the last give()

  LayerSelector::Decision give(FrameSpec spec) {
    if (spec.key && spec.width == 0) {
      spec.width = static_cast<uint16_t>(320 * spec.ssrc);
      spec.height = static_cast<uint16_t>(180 * spec.ssrc);
    }
    now = now + TimeDelta::millis(10);
    if (spec.timestamp == 0) spec.timestamp = static_cast<uint32_t>(now.ms() * 90);
    if (spec.began == Timestamp()) spec.began = now;
    const ArrivedFrame arrived = source.onFrame(maker.make(spec), {}, now);
    LayerSelector::Decision decision = selector.onFrame(arrived, source, now);
    sent.clear();
    if (decision.verdict == Verdict::CatchUp) {
      for (const ArrivedFrame& each : source.runUp(spec.ssrc).frames()) {
        decision = sent.empty() ? selector.catchUp(each, source, now) : selector.onFrame(each, source, now);
        if (decision.forwards()) sent.push_back(each);
      }
    } else if (decision.forwards()) {
      sent.push_back(arrived);
    }
    return decision;
  }
  void forget() { now = now + RunUp::maxAge + TimeDelta::millis(1); }
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
    forget();
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

TEST_CASE("A key frame that came late waits until its layer has caught up, and goes out with what followed") {
  Scene scene;
  scene.begin(2, 1);
  scene.target(2);
  const auto give = [&](uint32_t ssrc, bool key, Timestamp began) {
    FrameSpec spec;
    spec.ssrc = ssrc;
    spec.key = key;
    spec.began = began;
    return scene.give(spec);
  };
  const Timestamp moment = scene.now;
  CHECK(give(1, false, moment).verdict == Verdict::Forward);
  CHECK(give(1, false, moment + TimeDelta::millis(33)).verdict == Verdict::Forward);
  CHECK(give(1, false, moment + TimeDelta::millis(66)).verdict == Verdict::Forward);
  CHECK(give(2, true, moment).reason == LayerSelector::Reason::BehindOldLayer);
  CHECK(scene.selector.awaitedStream(scene.source) == 0);
  CHECK(give(2, false, moment + TimeDelta::millis(33)).reason == LayerSelector::Reason::BehindOldLayer);
  CHECK(scene.selector.current() == scene.layerOf(1));
  CHECK(give(2, false, moment + TimeDelta::millis(66)).forwards());
  CHECK(scene.sent.size() == 3);
  CHECK(scene.sent.front().startsStream);
  CHECK(scene.selector.current() == scene.layerOf(2));
  CHECK(give(1, false, moment + TimeDelta::millis(99)).verdict == Verdict::Drop);
  CHECK(give(2, false, moment + TimeDelta::millis(99)).verdict == Verdict::Forward);
  CHECK(scene.sent.size() == 1);
}

TEST_CASE(
    "Layers a few milliseconds apart show the same moment; one that stays behind is taken all the same") {
  Scene scene;
  scene.begin(2, 1);
  scene.target(2);
  const auto give = [&](uint32_t ssrc, bool key, int64_t behind) {
    FrameSpec spec;
    spec.ssrc = ssrc;
    spec.key = key;
    scene.now = scene.now + TimeDelta::millis(10);
    spec.began = scene.now - TimeDelta::millis(behind);
    return scene.give(spec);
  };
  SECTION("a few milliseconds") {
    CHECK(give(1, false, 0).forwards());
    CHECK(give(2, true, 25).verdict == Verdict::Switch);  // 20 ms pass between the two
  }
  SECTION("always behind") {
    CHECK(give(1, false, 0).forwards());
    CHECK(!give(2, true, 200).forwards());
    const Timestamp keyFrame = scene.now;
    while (scene.selector.current() == scene.layerOf(1)) {
      CHECK(give(1, false, 0).forwards());
      give(2, false, 200);
    }
    CHECK(scene.now - keyFrame >= LayerSelector::maxBehind);
    CHECK(scene.now - keyFrame <= LayerSelector::maxBehind + TimeDelta::millis(40));
    CHECK(scene.sent.size() > 5);
  }
}

TEST_CASE("A layer whose key frame has just come is gone to at once, without another request") {
  Scene scene;
  scene.begin(2, 1);
  scene.key(2);
  scene.delta(2);
  CHECK(scene.delta(1).forwards());
  scene.target(2);
  CHECK(scene.selector.awaitedStream(scene.source) == 0);
  CHECK(scene.delta(2).forwards());
  CHECK(scene.sent.size() == 3);
  // Sealed frames are opened once only: back to what was just left means another key frame.
  scene.key(1);
  scene.target(1);
  CHECK(scene.delta(1).forwards());
  scene.target(2);
  CHECK(scene.selector.awaitedStream(scene.source) == 2);
  CHECK(scene.delta(2).reason == LayerSelector::Reason::AwaitingKeyFrame);
  CHECK(scene.key(2).verdict == Verdict::Switch);
  // What was not let through meanwhile breaks the run-up.
  scene.key(1);
  scene.source.onRejected(1);
  scene.delta(1);
  scene.target(1);
  CHECK(scene.selector.awaitedStream(scene.source) == 1);
  CHECK(scene.delta(1).reason == LayerSelector::Reason::AwaitingKeyFrame);
}

TEST_CASE("When the wanted key frame does not come, one of a layer that suits better is taken meanwhile") {
  Scene scene;
  SECTION("up: one between") {
    scene.begin(3, 1);
    scene.target(3);
    CHECK(!scene.key(2).forwards());
    scene.now = scene.now + LayerSelector::patience;
    CHECK(scene.delta(1).forwards());
    CHECK(scene.key(2).verdict == Verdict::Switch);
    CHECK(scene.selector.awaitedStream(scene.source) == 3);
    CHECK(!scene.key(1).forwards());
    CHECK(scene.key(3).verdict == Verdict::Switch);
  }
  SECTION("down: one between, and a lower one when the old layer does not fit the rate") {
    const bool forced = GENERATE(false, true);
    scene.begin(4, 4);
    scene.target(2, allTemporalLayers, forced);
    CHECK(!scene.key(1).forwards());
    CHECK(!scene.key(3).forwards());
    scene.now = scene.now + LayerSelector::patience;
    CHECK(scene.delta(4).forwards());
    CHECK(scene.key(1).forwards() == forced);
    CHECK(scene.key(3).forwards() == !forced);
    CHECK(scene.key(2).verdict == Verdict::Switch);
  }
}

TEST_CASE("What stands still for want of repair gives way to a lower layer's key frame") {
  Scene scene;
  for (uint32_t ssrc = 1; ssrc <= 3; ++ssrc) scene.key(ssrc);
  scene.begin(2, 2);
  CHECK(scene.delta(2).forwards());
  scene.now = scene.now + LayerSelector::patience - TimeDelta::millis(100);
  CHECK(!scene.key(1).forwards());
  scene.now = scene.now + TimeDelta::millis(100);
  CHECK(!scene.key(3).forwards());
  CHECK(scene.key(1).verdict == Verdict::Switch);
  CHECK(scene.selector.awaitedStream(scene.source) == 2);
  CHECK(scene.key(2).verdict == Verdict::Switch);
}

TEST_CASE("While nothing flows, a lower layer's key frame is taken, a higher one's is not") {
  Scene scene;
  for (uint32_t ssrc = 1; ssrc <= 3; ++ssrc) scene.key(ssrc);
  scene.forget();
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
  scene.forget();

  // What the encoders refer to, and the player's view: what it has decoded since the last key frame.
  using Picture = std::pair<uint32_t, uint32_t>;  // stream, timestamp
  std::map<Picture, std::vector<Picture>> references;
  std::set<Picture> decoded, everSent;
  Picture latest[streams + 1][3];
  std::optional<uint32_t> playing;
  bool wantKey[streams + 1] = {};
  const uint8_t pattern[] = {0, 2, 1, 2};
  int forwarded = 0, caughtUp = 0;
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
      spec.timestamp = static_cast<uint32_t>(picture + 1);
      // Some key frames are repaired for a while, and show a moment that is gone.
      if (spec.key && random.u32() % 2 == 0) spec.began = scene.now - TimeDelta::millis(100);
      if (spec.key) wantKey[ssrc] = false;
      // Base refers to base; the middle layer to the base before it; the top one to both.
      const Picture self{ssrc, spec.timestamp};
      std::vector<Picture>& refs = references[self];
      if (!spec.key) refs.push_back(latest[ssrc][0]);
      if (temporal == 2 && latest[ssrc][1].second > latest[ssrc][0].second) refs.push_back(latest[ssrc][1]);
      if (temporal < 2) latest[ssrc][temporal] = self;

      const auto decision = scene.give(spec);
      if (decision.forwards()) CHECK(decision.endOfPicture);
      if (scene.sent.size() > 1) ++caughtUp;
      for (const ArrivedFrame& sent : scene.sent) {
        ++forwarded;
        const Picture shown{sent.frame->ssrc, sent.frame->rtpTimestamp};
        if (playing != shown.first) CHECK(sent.startsStream);
        playing = shown.first;
        if (sent.startsStream) decoded.clear();
        if (!sent.startsStream) {
          for (const Picture& reference : references[shown]) CHECK(decoded.count(reference) == 1);
        }
        decoded.insert(shown);
        CHECK(everSent.insert(shown).second);
      }
    }
  }
  CHECK(caughtUp > 0);
  CHECK(forwarded > 800);
}
