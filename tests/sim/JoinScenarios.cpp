// Coming and going: late joiners, crowds, leaving and returning, lost sockets, lost workers, new addresses.
#include "tests/sim/Scenario.hpp"

namespace sotto::sim {
namespace {

using base::TimeDelta;
using client::call::CallState;

/// From the first packet of the WebSocket to the first picture, at 50 ms round trip: about eleven round trips
/// (WebSocket, join, offer, ICE, DTLS, key frame), and some.
constexpr auto firstPictureLimit = TimeDelta::millis(1'000);
/// The worker's death is noticed at once; a new connection takes as long as a first one.
constexpr auto restartLimit = TimeDelta::seconds(3);

}  // namespace

TEST_CASE("A late joiner has a picture of everyone within a second") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  const LinkSettings link = network(0, TimeDelta::millis(25));
  Simulation simulation(seed);
  simulation.join(participant("Alice", link));
  simulation.join(participant("Bob", link));
  simulation.runFor(TimeDelta::seconds(3));
  SimClient& late = simulation.join(viewer("Carol", link));
  simulation.runFor(TimeDelta::seconds(2));
  for (const char* name : {"Alice", "Bob"}) {
    INFO(name);
    REQUIRE(late.stream(name).firstFrame());
    CHECK((*late.stream(name).firstFrame() - late.startedAt()).ms() <= firstPictureLimit.ms());
    CHECK(late.stream(name, TrackSource::Microphone).frames() > 0);
  }
  requireSound(simulation);
}

TEST_CASE("Twenty who join at once ask a source for at most two key frames a second") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  const LinkSettings link = network(0.01, TimeDelta::millis(25));
  Simulation simulation(seed);
  SimClient& alice = simulation.join(participant("Alice", link));
  simulation.runFor(TimeDelta::seconds(2));
  for (int i = 0; i < 20; ++i) {
    ClientSettings settings = viewer("Viewer " + std::to_string(i), link);
    settings.videoSlots = 2;
    settings.everyoneHeight = 180;
    settings.signalingDelay = TimeDelta::millis(10 + i % 7);
    simulation.join(settings);
  }
  simulation.runFor(TimeDelta::seconds(3));
  CHECK(Simulation::keyFrameRequestPeak(alice) <= 2);
  for (const auto& client : simulation.clients()) {
    if (client.get() == &alice) continue;
    INFO(client->settings().name);
    CHECK(client->stream("Alice").frames() > 20);
  }
  requireSound(simulation);
}

TEST_CASE("Who leaves and joins again is seen again, under a new sender number and key") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  const LinkSettings link = network(0.01, TimeDelta::millis(25));
  Simulation simulation(seed);
  SimClient& alice = simulation.join(participant("Alice", link));
  SimClient& bob = simulation.join(participant("Bob", link));
  simulation.runFor(TimeDelta::seconds(3));
  bob.leave();
  REQUIRE(simulation.runUntil([&] { return alice.session().roster().empty(); }, TimeDelta::seconds(1)));
  CHECK(bob.session().state() == CallState::Left);
  const uint64_t before = alice.stream("Bob").frames();
  simulation.runFor(TimeDelta::millis(500));
  CHECK(alice.stream("Bob").frames() == before);
  SimClient& again = simulation.join(participant("Bob", link));
  simulation.runFor(TimeDelta::seconds(2));
  CHECK(alice.stream("Bob").frames() > before + 20);
  CHECK(again.stream("Alice").frames() > 20);
  requireSound(simulation);
}

TEST_CASE("A participant whose socket breaks resumes its session, and media never stops") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  const LinkSettings link = network(0.01, TimeDelta::millis(25));
  Simulation simulation(seed);
  SimClient& alice = simulation.join(participant("Alice", link));
  SimClient& bob = simulation.join(participant("Bob", link));
  simulation.runFor(TimeDelta::seconds(3));
  const std::string self = bob.session().selfId();
  simulation.resetGaps();
  bob.loseSocket();
  CHECK(bob.session().state() == CallState::Reconnecting);
  simulation.runFor(TimeDelta::seconds(2));
  CHECK(bob.session().state() == CallState::Connected);
  CHECK(bob.session().selfId() == self);
  CHECK(bob.session().statistics().mediaConnections == 1);
  CHECK(bob.stream("Alice").longestGap(simulation.now()).ms() <= 500);
  CHECK(alice.session().roster().size() == 1);
  requireSound(simulation);
}

TEST_CASE("When the worker dies everyone comes back by themselves within three seconds") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  const LinkSettings link = network(0.01, TimeDelta::millis(25));
  Simulation simulation(seed);
  for (const char* name : {"Alice", "Bob", "Carol"}) simulation.join(participant(name, link));
  simulation.runFor(TimeDelta::seconds(3));
  simulation.resetGaps();
  simulation.server().loseWorker();
  simulation.runFor(TimeDelta::seconds(4));
  CHECK(simulation.longestGap(TrackSource::Camera).ms() <= restartLimit.ms());
  for (const auto& client : simulation.clients()) {
    INFO(client->settings().name);
    CHECK(client->session().state() == CallState::Connected);
    CHECK(client->session().statistics().mediaConnections == 2);
    for (const auto& stream : client->session().statistics().streams) {
      // A counter used again under the same key would pass for a duplicate.
      CHECK(stream.duplicates == 0);
      CHECK(stream.framesOpened > 20);
    }
    for (const auto& [key, oracle] : client->streams())
      CHECK(oracle->longestGap(simulation.now()).ms() < 3'000);
  }
  requireSound(simulation);
}

TEST_CASE("A participant whose address changes behind its back goes on by the next consent check") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  const LinkSettings link = network(0.01, TimeDelta::millis(25));
  Simulation simulation(seed);
  SimClient& alice = simulation.join(participant("Alice", link));
  SimClient& bob = simulation.join(participant("Bob", link));
  simulation.runFor(TimeDelta::seconds(3));
  simulation.resetGaps();
  alice.changeAddress();
  simulation.runFor(TimeDelta::seconds(10));
  // RFC 7675 section 5.1: checks go out every five seconds, give or take a fifth.
  CHECK(bob.stream("Alice").longestGap(simulation.now()).ms() <= 7'000);
  CHECK(alice.stream("Bob").longestGap(simulation.now()).ms() <= 7'000);
  CHECK(alice.stream("Bob").frames() > 60);
  CHECK(alice.session().statistics().mediaConnections == 1);
  requireSound(simulation);
}

TEST_CASE("A publisher whose address changes goes on without joining again") {
  const uint64_t seed = GENERATE(range(firstSeed, lastSeed + 1));
  INFO("seed " << seed);
  const LinkSettings link = network(0, TimeDelta::millis(25));
  Simulation simulation(seed);
  SimClient& alice = simulation.join(participant("Alice", link));
  SimClient& bob = simulation.join(participant("Bob", link));
  simulation.runFor(TimeDelta::seconds(3));
  simulation.resetGaps();
  alice.changeAddress();
  alice.session().networkChanged(simulation.now());
  alice.settle();
  simulation.runFor(TimeDelta::seconds(3));
  CHECK(bob.stream("Alice").longestGap(simulation.now()).ms() <= 500);
  CHECK(alice.stream("Bob").longestGap(simulation.now()).ms() <= 500);
  CHECK(alice.session().statistics().mediaConnections == 1);
  requireSound(simulation);
}

}  // namespace sotto::sim
