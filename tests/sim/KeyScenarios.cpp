// Calls whose devices agree on keys: everybody sees everybody, through joins, leaves, loss, lost sockets and
// changed identities.
#include <algorithm>
#include <map>

#include "tests/sim/Scenario.hpp"

namespace sotto::sim {
namespace {

using base::TimeDelta;
using base::Timestamp;
using client::call::CallState;
using client::e2ee::RotationReport;
using client::e2ee::SendingKeys;

/// No viewer may miss a picture for longer on account of a rotation.
constexpr auto longestRotationGap = TimeDelta::millis(300);

ClientSettings keyed(ClientSettings settings) {
  settings.automaticKeys = true;
  settings.layers = 1;
  settings.data = true;
  return settings;
}

ClientSettings keyedParticipant(const std::string& name, const LinkSettings& link = {}) {
  return keyed(participant(name, link));
}

/// Who in the call waits for whose key; empty: nobody.
std::string whoWaits(Simulation& simulation) {
  std::string text;
  for (const auto& client : simulation.clients()) {
    if (client->session().state() == CallState::Left) continue;
    for (const std::string& id : client->waitingForKeys()) {
      text += client->settings().name + " waits for " + id;
      for (const auto& other : client->session().roster()) {
        if (other.id == id) text += ", " + other.name;
      }
      text += "; ";
    }
  }
  return text;
}

uint64_t unopenedFrames(const client::call::RemoteStreamStatistics& stream) {
  uint64_t frames = 0;
  for (const auto& [reason, count] : stream.failed) frames += count;
  return frames;
}

/// Every removal was honoured in time, in every member's own report.
void requireRemovalsHonoured(Simulation& simulation) {
  for (const auto& client : simulation.clients()) {
    for (const RotationReport& report : client->keys().agreement().sending().reports()) {
      for (const RotationReport::Removed& removed : report.removed) {
        INFO(client->settings().name << " without " << removed.device.user);
        if (report.liveAt) CHECK((*report.liveAt - removed.knownAt).ms() <= SendingKeys::liveWithin.ms());
      }
    }
  }
}

}  // namespace

TEST_CASE("Devices that have never met agree on keys and see each other") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  const LinkSettings link = network(0.01, TimeDelta::millis(25));
  Simulation simulation(seed);
  for (const char* name : {"Alice", "Bob", "Carol", "Dave"}) simulation.join(keyedParticipant(name, link));
  REQUIRE(simulation.runUntil([&] { return simulation.everyoneSeesEveryone(); }, TimeDelta::seconds(4)));
  simulation.runFor(TimeDelta::seconds(2));
  CHECK(whoWaits(simulation) == "");
  for (const auto& client : simulation.clients()) {
    INFO(client->settings().name);
    for (const auto& stream : client->session().statistics().streams) CHECK(stream.framesOpened > 20);
    CHECK(client->warnings().empty());
    CHECK(client->keys().callCode());
    CHECK(client->keys().callCode()->digits == simulation.clients()[0]->keys().callCode()->digits);
  }
  requireSound(simulation);
}

TEST_CASE("A newcomer has a picture within a second, and those who are there notice nothing") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  const LinkSettings link = network(0, TimeDelta::millis(25));
  Simulation simulation(seed);
  SimClient& alice = simulation.join(keyedParticipant("Alice", link));
  SimClient& bob = simulation.join(keyedParticipant("Bob", link));
  simulation.device("Carol");
  simulation.runFor(TimeDelta::seconds(4));
  simulation.resetGaps();
  SimClient& carol = simulation.join(keyed(viewer("Carol", link)));
  simulation.runFor(TimeDelta::seconds(2));
  for (const char* name : {"Alice", "Bob"}) {
    REQUIRE(carol.stream(name).firstFrame());
    // The ratchet step waits out the coalescing time.
    CHECK((*carol.stream(name).firstFrame() - carol.startedAt()).ms() <=
          1'000 + SendingKeys::coalescing.ms());
  }
  CHECK(alice.stream("Bob").longestGap(simulation.now()).ms() < longestRotationGap.ms());
  CHECK(bob.stream("Alice").longestGap(simulation.now()).ms() < longestRotationGap.ms());
  const RotationReport& report = alice.keys().agreement().sending().reports().back();
  CHECK(report.reason == RotationReport::Reason::Join);
  CHECK(report.missingReceipts() == 0);
  requireSound(simulation);
}

TEST_CASE("When somebody leaves, a fresh key is in use as soon as all have it, and nobody misses a picture") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  const LinkSettings link = network(0, TimeDelta::millis(25));
  Simulation simulation(seed);
  SimClient& alice = simulation.join(keyedParticipant("Alice", link));
  SimClient& bob = simulation.join(keyedParticipant("Bob", link));
  SimClient& carol = simulation.join(keyedParticipant("Carol", link));
  simulation.runFor(TimeDelta::seconds(4));
  simulation.resetGaps();
  carol.leave();
  simulation.runFor(TimeDelta::seconds(2));
  const RotationReport& report = alice.keys().agreement().sending().reports().back();
  CHECK(report.reason == RotationReport::Reason::Leave);
  CHECK(report.missingReceipts() == 0);
  REQUIRE(report.liveAt);
  INFO("coalescing, a message there, a receipt back, and what they were gathered for");
  CHECK((*report.liveAt - report.removed.at(0).knownAt).ms() <= 250 + 2 * 30 + 60);
  CHECK(alice.stream("Bob").longestGap(simulation.now()).ms() < longestRotationGap.ms());
  CHECK(bob.stream("Alice").longestGap(simulation.now()).ms() < longestRotationGap.ms());
  CHECK(whoWaits(simulation) == "");
  requireSound(simulation);
}

TEST_CASE("Over a hundred joins and leaves every member goes on seeing every other") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 4));
  INFO("seed " << seed);
  // A rotation can be seen by frames that do not open: with loss, too, there must be none. Gaps in time are
  // compared only where nothing is lost, since repairs take as long in calls whose keys never change.
  const bool lossy = seed % 2 == 0;
  base::SeededRandom random(seed * 31);
  Simulation simulation(seed);
  const auto settings = [&](const std::string& name) {
    LinkSettings link = network(lossy ? 0.02 : 0, TimeDelta::millis(10 + random.u32() % 60));
    link.jitter = TimeDelta::millis(10);
    ClientSettings made = keyedParticipant(name, link);
    made.microphone = false;
    made.framesPerSecond = 15;
    made.videoSlots = 5;
    made.signalingDelay = link.delay + TimeDelta::millis(5);
    return made;
  };
  std::vector<SimClient*> staying;
  for (const char* name : {"Alice", "Bob", "Carol"}) staying.push_back(&simulation.join(settings(name)));
  std::map<uint32_t, SimClient*> guests;
  simulation.runFor(TimeDelta::seconds(4));
  simulation.resetGaps();
  std::map<std::pair<SimClient*, std::string>, uint64_t> unopened;
  for (SimClient* viewer : staying) {
    for (const auto& stream : viewer->session().statistics().streams) {
      unopened[{viewer, stream.name}] = unopenedFrames(stream);
    }
  }
  for (int change = 0; change < 100; ++change) {
    SimClient*& guest = guests[random.u32() % 3];
    if (guest == nullptr) {
      guest = &simulation.join(settings("Guest " + std::to_string(change)));
    } else {
      guest->leave();
      guest = nullptr;
    }
    // Mostly one on the heels of the other, now and then with time to settle.
    simulation.runFor(TimeDelta::millis(random.u32() % 4 == 0 ? 2'000 : 50 + random.u32() % 900));
  }
  simulation.runFor(TimeDelta::seconds(12));
  CHECK(whoWaits(simulation) == "");
  for (SimClient* viewer : staying) {
    size_t checked = 0;
    for (const auto& stream : viewer->session().statistics().streams) {
      INFO(viewer->settings().name << " sees " << stream.name);
      CHECK(stream.framesOpened > 0);
      if (unopened.count({viewer, stream.name}) == 0) continue;
      ++checked;
      CHECK(unopenedFrames(stream) == unopened[{viewer, stream.name}]);
      if (lossy) continue;
      CHECK(viewer->stream(stream.name).longestGap(simulation.now()).ms() < longestRotationGap.ms());
    }
    CHECK(checked == 2);
    CHECK(viewer->keys().agreement().sending().reports().size() > 40);
  }
  requireRemovalsHonoured(simulation);
  requireSound(simulation);
}

TEST_CASE("Who loses its socket through a rotation gets the key when it is back") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  const LinkSettings link = network(0, TimeDelta::millis(25));
  Simulation simulation(seed);
  SimClient& alice = simulation.join(keyedParticipant("Alice", link));
  SimClient& bob = simulation.join(keyedParticipant("Bob", link));
  SimClient& carol = simulation.join(keyedParticipant("Carol", link));
  simulation.runFor(TimeDelta::seconds(4));
  carol.leave();
  simulation.runFor(TimeDelta::millis(200));
  bob.loseSocket();
  simulation.runFor(TimeDelta::seconds(4));
  simulation.resetGaps();
  simulation.runFor(TimeDelta::seconds(2));
  CHECK(bob.stream("Alice").longestGap(simulation.now()).ms() < longestRotationGap.ms());
  CHECK(alice.stream("Bob").longestGap(simulation.now()).ms() < longestRotationGap.ms());
  CHECK(whoWaits(simulation) == "");
  CHECK(alice.keys().agreement().sending().reports().back().missingReceipts() == 0);
  requireRemovalsHonoured(simulation);
  requireSound(simulation);
}

TEST_CASE(
    "A device that comes back with another identity is shown, gets no key and gives none, until accepted") {
  const uint64_t seed = firstSeed;
  const LinkSettings link = network(0, TimeDelta::millis(25));
  Simulation simulation(seed);
  SimClient& alice = simulation.join(keyedParticipant("Alice", link));
  SimClient& bob = simulation.join(keyedParticipant("Bob", link));
  simulation.runFor(TimeDelta::seconds(3));
  bob.leave();
  simulation.runFor(TimeDelta::seconds(1));
  simulation.replaceDevice("Bob");
  SimClient& impostor = simulation.join(keyedParticipant("Bob", link));
  const uint64_t before = alice.stream("Bob").frames();
  simulation.runFor(TimeDelta::seconds(5));
  CHECK(alice.stream("Bob").frames() == before);
  CHECK_FALSE(impostor.hasStream("Alice"));
  REQUIRE(alice.changedIdentities().size() == 1);
  CHECK(alice.changedIdentities()[0].user == "Bob");
  CHECK(impostor.changedIdentities().empty());

  alice.session().acceptIdentity(alice.changedIdentities()[0], simulation.now());
  alice.settle();
  simulation.runFor(TimeDelta::seconds(5));
  CHECK(alice.stream("Bob").frames() > before + 20);
  CHECK(impostor.stream("Alice").frames() > 20);
  requireSound(simulation);
}

}  // namespace sotto::sim
