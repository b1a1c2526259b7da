// Rooms under different networks: everybody sees and hears everybody, byte for byte, without a freeze.
#include "tests/sim/Scenario.hpp"

namespace sotto::sim {
namespace {

using base::TimeDelta;

/// Three participants for `duration`; REQUIREs that no video stream was without a decodable frame for longer
/// than `maxGap` once everyone had seen everyone.
void runThree(uint64_t seed, const LinkSettings& link, TimeDelta duration, TimeDelta maxGap,
              uint8_t temporalLayers = 1, frame::CodecType codec = frame::CodecType::Vp8) {
  Simulation simulation(seed);
  for (const char* name : {"Alice", "Bob", "Carol"}) {
    ClientSettings settings = participant(name, link);
    settings.temporalLayers = temporalLayers;
    settings.codec = codec;
    simulation.join(settings);
  }
  REQUIRE(simulation.runUntil([&] { return simulation.everyoneSeesEveryone(); }, TimeDelta::seconds(5)));
  // The best layer of each takes a moment to arrive.
  simulation.runFor(TimeDelta::seconds(1));
  simulation.resetGaps();
  simulation.runFor(duration);
  requireSound(simulation);
  CHECK(simulation.longestGap(TrackSource::Camera).ms() <= maxGap.ms());
  for (const auto& client : simulation.clients()) {
    for (const auto& other : simulation.clients()) {
      if (client == other) continue;
      INFO(client->settings().name << " receiving " << other->settings().name);
      CHECK(client->stream(other->settings().name).height() == 720);
      CHECK(client->stream(other->settings().name, TrackSource::Microphone).frames() > 0);
    }
    CHECK(client->warnings().empty());
  }
}

}  // namespace

TEST_CASE("Three participants on a clean network see the top layer of each other without a gap") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  runThree(seed, network(0, TimeDelta::millis(20)), TimeDelta::seconds(3), TimeDelta::millis(120));
}

TEST_CASE("Three participants with temporal layers on a clean network lose nothing") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  runThree(seed, network(0, TimeDelta::millis(20)), TimeDelta::seconds(3), TimeDelta::millis(120), 3);
}

TEST_CASE("Three participants with VP9 on a clean network lose nothing") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  runThree(seed, network(0, TimeDelta::millis(20)), TimeDelta::seconds(3), TimeDelta::millis(120), 1,
           frame::CodecType::Vp9);
}

TEST_CASE("One percent loss at 50 ms, with reordering and duplication, freezes nothing over 500 ms") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  LinkSettings link = network(0.01, TimeDelta::millis(50));
  link.jitter = TimeDelta::millis(10);
  link.reordering = 0.02;
  link.duplication = 0.01;
  runThree(seed, link, TimeDelta::seconds(4), TimeDelta::millis(500));
}

TEST_CASE("Five percent loss at 50 ms, with reordering and duplication, freezes nothing over 500 ms") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  LinkSettings link = network(0.05, TimeDelta::millis(25));
  link.jitter = TimeDelta::millis(10);
  link.reordering = 0.02;
  link.duplication = 0.01;
  runThree(seed, link, TimeDelta::seconds(4), TimeDelta::millis(500));
}

TEST_CASE("Five percent loss with temporal layers freezes nothing over 500 ms") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  runThree(seed, network(0.05, TimeDelta::millis(25)), TimeDelta::seconds(4), TimeDelta::millis(500), 3);
}

TEST_CASE("Bursts of loss freeze nothing over 500 ms") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  LinkSettings link = network(0, TimeDelta::millis(20));
  link.bursts = BurstLoss{0.01, 0.3, 0.7};
  runThree(seed, link, TimeDelta::seconds(4), TimeDelta::millis(500));
}

TEST_CASE("A room without end-to-end encryption carries frames as they are") {
  Simulation simulation(firstSeed, control::E2eePolicy::Off);
  for (const char* name : {"Alice", "Bob"}) {
    ClientSettings settings = participant(name, network(0, TimeDelta::millis(20)));
    settings.sealed = false;
    simulation.join(settings);
  }
  REQUIRE(simulation.runUntil([&] { return simulation.everyoneSeesEveryone(); }, TimeDelta::seconds(5)));
  simulation.runFor(TimeDelta::seconds(2));
  requireSound(simulation);
}

}  // namespace sotto::sim
