// Layer switches: by the height that is asked for and by the cap on the rate. The old layer flows until the
// key frame of the new one is complete.
#include <array>

#include "tests/sim/Scenario.hpp"

namespace sotto::sim {
namespace {

using base::TimeDelta;
using client::call::Want;

/// Alice publishes, Bob watches her with `height` lines at first.
struct TwoSides {
  TwoSides(uint64_t seed, const LinkSettings& link, uint32_t height) : simulation(seed) {
    alice = &simulation.join(participant("Alice", link));
    ClientSettings settings = viewer("Bob", link);
    settings.wants = {Want{"Alice", TrackSource::Camera, height, 10}};
    settings.wantEveryone = false;
    bob = &simulation.join(settings);
    simulation.runFor(TimeDelta::seconds(3));
    simulation.resetGaps();
  }
  void want(uint32_t height) {
    bob->session().setWants({Want{"Alice", TrackSource::Camera, height, 10}}, false);
    bob->settle();
  }
  /// The layer of that height is seen within a second, and there was no freeze on the way.
  void expectHeight(uint16_t height) {
    const StreamOracle& seen = bob->stream("Alice");
    INFO("height " << seen.height() << " where " << height << " was expected");
    CHECK(simulation.runUntil([&] { return seen.height() == height; }, TimeDelta::seconds(2)));
    simulation.runFor(TimeDelta::millis(500));
    CHECK(seen.height() == height);
    CHECK(seen.longestGap(simulation.now()).ms() <= 500);
  }

  Simulation simulation;
  SimClient* alice = nullptr;
  SimClient* bob = nullptr;
};

}  // namespace

TEST_CASE("A switch of layers by the height asked for shows no freeze") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  const double loss = seed % 2 == 0 ? 0.02 : 0;
  INFO("seed " << seed << ", loss " << loss);
  TwoSides sides(seed, network(loss, TimeDelta::millis(40)), 180);
  sides.expectHeight(180);
  for (const auto height : std::to_array<uint16_t>({720, 180, 360, 720, 360, 180})) {
    sides.want(height);
    sides.expectHeight(height);
  }
  CHECK(sides.bob->stream("Alice").layerSwitches() == 6);
  requireSound(sides.simulation);
}

TEST_CASE("A cap on the rate brings the best layer that fits, without a freeze") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  TwoSides sides(seed, network(0.01, TimeDelta::millis(40)), 0);
  sides.expectHeight(720);
  const auto cap = [&](std::optional<uint64_t> bitsPerSecond) {
    sides.bob->session().setRateCap(bitsPerSecond);
    sides.bob->settle();
  };
  // Sound takes about 70 kb/s, the layers 80, 220 and 560 kb/s, and a twentieth is kept for the rest.
  cap(300'000);
  sides.expectHeight(180);
  cap(600'000);
  sides.expectHeight(360);
  cap(std::nullopt);
  sides.expectHeight(720);
  requireSound(sides.simulation);
}

TEST_CASE("A slot that is wanted for someone else shows them, and no frame is mixed up") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  const LinkSettings link = network(0.01, TimeDelta::millis(30));
  Simulation simulation(seed);
  simulation.join(participant("Alice", link));
  ClientSettings other = participant("Carol", link);
  other.codec = seed % 2 == 0 ? frame::CodecType::Vp9 : frame::CodecType::Vp8;
  simulation.join(other);
  ClientSettings settings = viewer("Bob", link);
  settings.videoSlots = 1;
  settings.wantEveryone = false;
  settings.wants = {Want{"Alice", TrackSource::Camera, 360, 1}};
  SimClient& bob = simulation.join(settings);
  simulation.runFor(TimeDelta::seconds(2));
  for (const char* name : {"Carol", "Alice", "Carol"}) {
    const uint64_t before = bob.stream(name).frames();
    bob.session().setWants({Want{name, TrackSource::Camera, 360, 1}}, false);
    bob.settle();
    CHECK(simulation.runUntil([&] { return bob.stream(name).frames() > before; }, TimeDelta::seconds(1)));
    simulation.runFor(TimeDelta::seconds(1));
    CHECK(bob.stream(name).frames() > before + 10);
  }
  requireSound(simulation);
}

TEST_CASE("A muted camera stops, and comes back with a key frame") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  TwoSides sides(seed, network(0.01, TimeDelta::millis(30)), 360);
  sides.alice->session().setMuted(TrackSource::Camera, true);
  sides.simulation.runFor(TimeDelta::seconds(1));
  const uint64_t before = sides.bob->stream("Alice").frames();
  sides.simulation.runFor(TimeDelta::seconds(1));
  CHECK(sides.bob->stream("Alice").frames() == before);
  sides.bob->stream("Alice").interrupt();
  sides.alice->session().setMuted(TrackSource::Camera, false);
  sides.simulation.runFor(TimeDelta::seconds(1));
  CHECK(sides.bob->stream("Alice").frames() > before + 5);
  requireSound(sides.simulation);
}

}  // namespace sotto::sim
