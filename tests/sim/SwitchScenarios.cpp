// Switches of layers in any order and at any time: the picture does not stand still, and never goes back.
#include <array>

#include "tests/sim/Scenario.hpp"

namespace sotto::sim {
namespace {

using base::TimeDelta;
using client::call::Want;

constexpr uint32_t framesPerSecond = 30;
constexpr auto jitter = TimeDelta::millis(10);  ///< on each of the two paths
/// What no switch may exceed where nothing is lost. The key frame of the new layer shows the moment of the
/// old layer's last frame or the one after it, so that frames come an interval apart as ever; one interval
/// more since the layers of a picture arrive one after the other and either may be cut; and what the two
/// paths vary.
constexpr auto cleanBound = TimeDelta::micros(2 * 1'000'000 / framesPerSecond) + jitter * 2;
/// The same where the base of three temporal layers, every fourth frame, is all that fits.
constexpr auto temporalBound = TimeDelta::micros(4 * 1'000'000 / framesPerSecond) + jitter * 2;
/// Where packets are lost a frame waits for their repair (QUALITY: no freeze over this up to 5 % loss).
constexpr auto lossBound = TimeDelta::millis(500);

struct Settings {
  double lossUp = 0, lossDown = 0;
  bool keyFramesTogether = false;
  uint8_t temporalLayers = 1;
  TimeDelta skew;
  uint32_t height = 0;
};

/// Alice publishes, Bob watches her.
struct Watching {
  Watching(uint64_t seed, const Settings& options) : simulation(seed), random(seed ^ 0x5117C4) {
    LinkSettings up = network(options.lossUp, TimeDelta::millis(25));
    LinkSettings down = network(options.lossDown, TimeDelta::millis(25));
    up.jitter = down.jitter = jitter;
    ClientSettings publisher = participant("Alice", up);
    publisher.down = down;
    publisher.framesPerSecond = framesPerSecond;
    publisher.keyFramesTogether = options.keyFramesTogether;
    publisher.temporalLayers = options.temporalLayers;
    publisher.layerSkew = options.skew;
    alice = &simulation.join(publisher);
    ClientSettings settings = viewer("Bob", up);
    settings.down = down;
    settings.wants = {Want{"Alice", TrackSource::Camera, options.height, 10}};
    settings.wantEveryone = false;
    bob = &simulation.join(settings);
    seen().allowSkew(options.skew * 2);
    simulation.runFor(TimeDelta::seconds(3));
    simulation.resetGaps();
  }
  StreamOracle& seen() { return bob->stream("Alice"); }
  void want(uint32_t height) {
    bob->session().setWants({Want{"Alice", TrackSource::Camera, height, 10}}, false);
    bob->settle();
  }
  void cap(std::optional<uint64_t> bitsPerSecond) {
    bob->session().setRateCap(bitsPerSecond);
    bob->settle();
  }
  void run(int64_t ms) { simulation.runFor(TimeDelta::millis(ms)); }
  uint32_t pick(uint32_t below) { return random.u32() % below; }
  /// Heights and caps at random, `least` to `least + spread` milliseconds apart.
  void switchAtRandom(int times, uint32_t least, uint32_t spread) {
    // At 30 frames a second the layers take about 130, 350 and 850 kb/s, sound 70.
    static constexpr std::array<uint32_t, 3> heights{180, 360, 720};
    static constexpr std::array<uint64_t, 3> caps{330'000, 750'000, 3'000'000};
    for (int i = 0; i < times; ++i) {
      if (pick(2) == 0) {
        want(heights[pick(3)]);
      } else {
        cap(caps[pick(3)]);
      }
      run(least + pick(spread));
    }
  }
  void expectGap(TimeDelta bound) {
    CHECK(seen().longestGap(simulation.now()).us() <= bound.us());
    requireSound(simulation);
  }

  Simulation simulation;
  base::SeededRandom random;
  SimClient* alice = nullptr;
  SimClient* bob = nullptr;
};

}  // namespace

TEST_CASE("Without loss no switch takes more than two frame intervals, whatever is asked for and when") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  const bool together = GENERATE(false, true);
  INFO("seed " << seed << ", key frames of all layers together: " << together);
  Settings settings;
  settings.keyFramesTogether = together;
  Watching watching(seed, settings);
  // A publisher that makes one key frame for each request makes two a second: more switches have to wait.
  watching.switchAtRandom(15, together ? 100 : 500, 1'200);
  CHECK(watching.seen().layerSwitches() >= 5);
  watching.expectGap(cleanBound);
  // Two a second left the server; on the way they may come closer.
  const auto& requests = watching.alice->keyFrameRequests();
  for (size_t i = 2; i < requests.size(); ++i) {
    CHECK((requests[i] - requests[i - 2]).us() >= (TimeDelta::seconds(1) - jitter).us());
  }
}

TEST_CASE("With loss no switch takes longer than a repair, and the picture never goes back") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  const double loss = GENERATE(0.01, 0.05);
  INFO("seed " << seed << ", loss " << loss);
  Settings settings;
  settings.lossUp = settings.lossDown = loss;
  settings.keyFramesTogether = seed % 2 == 0;
  Watching watching(seed, settings);
  watching.switchAtRandom(15, 500, 1'200);
  CHECK(watching.seen().layerSwitches() >= 3);
  watching.expectGap(lossBound);
}

TEST_CASE("A key frame that comes late goes out with all that followed it, and nobody sees the past") {
  uint64_t late = 0;
  for (uint64_t seed = firstSeed; seed <= lastSeed; ++seed) {
    INFO("seed " << seed);
    Settings settings;
    settings.lossUp = 0.1;
    settings.keyFramesTogether = true;
    Watching watching(seed, settings);
    watching.switchAtRandom(10, 700, 500);
    late += watching.seen().framesCatchingUp();
    watching.expectGap(lossBound);
  }
  CHECK(late > 10);
}

TEST_CASE("Temporal layers come and go without a pause longer than the base layer's interval") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  Settings settings;
  settings.temporalLayers = seed % 2 == 0 ? 3 : 2;
  settings.height = 360;
  Watching watching(seed, settings);
  for (int i = 0; i < 15; ++i) {
    watching.cap(200'000 + watching.pick(500'000));
    watching.run(300 + watching.pick(700));
  }
  watching.expectGap(temporalBound);
}

TEST_CASE("When the key frame of the new layer never comes the old one flows on") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  Watching watching(seed, {});
  watching.alice->setLayerObeys(0, false);
  watching.want(180);
  watching.run(5'000);
  CHECK(watching.seen().height() == 720);
  watching.expectGap(cleanBound);

  // Over the rate it may not flow for ever ...
  watching.cap(330'000);
  watching.run(900);
  watching.expectGap(cleanBound);
  watching.run(600);
  const uint64_t before = watching.seen().frames();
  watching.run(500);
  CHECK(watching.seen().frames() == before);
  // ... and the key frame, once it does come, ends the pause.
  watching.alice->setLayerObeys(0, true);
  watching.run(1'200);
  CHECK(watching.seen().height() == 180);
  CHECK(watching.seen().frames() > before);
  requireSound(watching.simulation);
}

TEST_CASE("The layer that is wanted stops while it is waited for: the old one flows on") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  Settings settings;
  settings.height = 180;
  Watching watching(seed, settings);
  watching.want(720);
  watching.run(watching.pick(90));
  watching.alice->setLayerSends(2, false);
  watching.run(2'000);
  CHECK(watching.seen().height() == 360);
  // Bob may have got the key frame, and nothing after it: that is known once the layer has been silent for
  // some intervals in which others went on, and then another key frame has to come.
  watching.expectGap(lossBound);
  watching.alice->setLayerSends(2, true);
  watching.run(1'500);
  CHECK(watching.seen().height() == 720);
  requireSound(watching.simulation);
}

TEST_CASE("The layer that plays stops while another is waited for: its key frame is all that is missing") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  Watching watching(seed, {});
  watching.want(180);
  watching.run(watching.pick(60));
  watching.alice->setLayerSends(2, false);
  watching.run(1'000);
  CHECK(watching.seen().height() == 180);
  // The request on its way up, its key frame on the way down, and the interval until it is made.
  watching.expectGap(TimeDelta::millis(15 + 25 + 10 + 25 + 10) + cleanBound);
}

TEST_CASE("Layers whose pictures are captured some milliseconds apart are switched without a step back") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  Settings settings;
  settings.keyFramesTogether = true;
  settings.skew = TimeDelta::millis(1 + static_cast<int64_t>(seed) % 4);
  Watching watching(seed, settings);
  watching.switchAtRandom(12, 200, 900);
  CHECK(watching.seen().layerSwitches() >= 4);
  watching.expectGap(cleanBound + settings.skew * 2);
}

}  // namespace sotto::sim
