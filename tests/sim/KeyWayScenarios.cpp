// Which way key messages take in a call: the data channels when they are up, the WebSocket when not, and both
// when the channel does not bring in time what was put on it.
#include <algorithm>

#include "tests/sim/Scenario.hpp"

namespace sotto::sim {
namespace {

using base::TimeDelta;
using base::Timestamp;
using client::call::DataKind;
using client::call::DataSendResult;
using client::call::KeyMessageStatistics;
using client::call::toEveryone;
using client::e2ee::MessageWays;
using client::e2ee::RotationReport;
using client::e2ee::SendingKeys;

constexpr auto oneWay = TimeDelta::millis(25);

ClientSettings member(const std::string& name, bool data = true) {
  ClientSettings settings = participant(name, network(0, oneWay));
  settings.automaticKeys = true;
  settings.layers = 1;
  settings.data = data;
  settings.signalingDelay = oneWay;
  return settings;
}

/// Everybody sees everybody, with data channels as far as there are any.
void requireTogether(Simulation& simulation) {
  REQUIRE(simulation.runUntil(
      [&] {
        return simulation.everyoneSeesEveryone() &&
               std::all_of(simulation.clients().begin(), simulation.clients().end(),
                           [](const auto& client) { return client->dataOpen() == client->settings().data; });
      },
      TimeDelta::seconds(8)));
  simulation.runFor(TimeDelta::seconds(1));
}

KeyMessageStatistics counted(SimClient& client) {
  return client.session().statistics().keyMessages;
}

const RotationReport& lastReport(SimClient& client) {
  return client.keys().agreement().sending().reports().back();
}

int64_t liveAfterMs(SimClient& client) {
  const RotationReport& report = lastReport(client);
  REQUIRE(report.reason == RotationReport::Reason::Leave);
  REQUIRE(report.liveAt);
  return (*report.liveAt - report.removed.at(0).knownAt).ms();
}

/// Nobody is without somebody's key: pictures go on.
void requirePicturesGoOn(Simulation& simulation, std::initializer_list<SimClient*> members) {
  simulation.resetGaps();
  simulation.runFor(TimeDelta::seconds(1));
  for (SimClient* viewer : members) {
    CHECK(viewer->waitingForKeys().empty());
    for (SimClient* author : members) {
      if (viewer == author) continue;
      INFO(viewer->settings().name << " sees " << author->settings().name);
      CHECK(viewer->stream(author->settings().name).longestGap(simulation.now()).ms() < 300);
    }
  }
  requireSound(simulation);
}

}  // namespace

TEST_CASE("With data channels up a rotation takes them alone, keys and receipts") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  Simulation simulation(seed);
  SimClient& alice = simulation.join(member("Alice"));
  SimClient& bob = simulation.join(member("Bob"));
  SimClient& carol = simulation.join(member("Carol"));
  SimClient& dave = simulation.join(member("Dave"));
  requireTogether(simulation);
  std::map<SimClient*, KeyMessageStatistics> before;
  for (SimClient* each : {&alice, &bob, &carol}) before[each] = counted(*each);
  dave.leave();
  simulation.runFor(TimeDelta::seconds(1));
  for (SimClient* each : {&alice, &bob, &carol}) {
    INFO(each->settings().name);
    const KeyMessageStatistics after = counted(*each);
    INFO("two keys out and two receipts, and as many in");
    CHECK(after.sentDirect - before[each].sentDirect == 4);
    CHECK(after.openedDirect - before[each].openedDirect == 4);
    CHECK(after.sentBySocket == before[each].sentBySocket);
    CHECK(after.openedBySocket == before[each].openedBySocket);
    CHECK(after.fellBack == 0);
    CHECK(after.refusedDirect == 0);
    CHECK(lastReport(*each).missingReceipts() == 0);
    INFO("coalescing, there, the receipt back, and what that was gathered for");
    CHECK(liveAfterMs(*each) <= 250 + 2 * 2 * oneWay.ms() + 15);
  }
  requirePicturesGoOn(simulation, {&alice, &bob, &carol});
}

TEST_CASE("Keys for a member whose data channel is held closed go by the WebSocket, the others' do not") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  Simulation simulation(seed);
  SimClient& alice = simulation.join(member("Alice"));
  SimClient& bob = simulation.join(member("Bob", /*data=*/false));
  SimClient& carol = simulation.join(member("Carol"));
  SimClient& dave = simulation.join(member("Dave"));
  requireTogether(simulation);
  const KeyMessageStatistics before = counted(alice);
  dave.leave();
  simulation.runFor(TimeDelta::seconds(1));
  const KeyMessageStatistics after = counted(alice);
  INFO("a key and a receipt each");
  CHECK(after.sentDirect - before.sentDirect == 2);
  CHECK(after.sentBySocket - before.sentBySocket == 2);
  CHECK(after.fellBack == 0);
  CHECK(counted(bob).sentDirect == 0);
  CHECK(counted(bob).openedDirect == 0);
  for (SimClient* each : {&alice, &bob, &carol}) {
    CHECK(lastReport(*each).missingReceipts() == 0);
    CHECK(liveAfterMs(*each) <= 250 + 2 * 2 * oneWay.ms() + 30);
  }
  requirePicturesGoOn(simulation, {&alice, &bob, &carol});
}

TEST_CASE("When the server holds back what a member sends, its keys go by the WebSocket in a moment") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  Simulation simulation(seed);
  SimClient& alice = simulation.join(member("Alice"));
  SimClient& bob = simulation.join(member("Bob"));
  SimClient& carol = simulation.join(member("Carol"));
  SimClient& dave = simulation.join(member("Dave"));
  requireTogether(simulation);
  INFO("Alice talks so much that her budget is used up for seconds");
  const std::vector<uint8_t> words(40, 7);
  for (int i = 0; i < 2'000; ++i) {
    const auto sent = alice.session().sendData(toEveryone, DataKind::Data, false, words, simulation.now());
    REQUIRE(sent == DataSendResult::Sent);
  }
  alice.settle();
  dave.leave();
  simulation.runFor(TimeDelta::seconds(2));
  CHECK(simulation.server().counter("data_senders_paused_total") > 0);
  CHECK(counted(alice).fellBack >= 2);
  for (SimClient* each : {&alice, &bob, &carol}) {
    INFO(each->settings().name);
    CHECK(lastReport(*each).missingReceipts() == 0);
    CHECK(liveAfterMs(*each) <= 250 + 2 * MessageWays::longestWait.ms());
  }
  INFO("what was held back comes in the end, and is known by then");
  simulation.runFor(TimeDelta::seconds(10));
  CHECK(counted(bob).repeated > 0);
  CHECK(bob.keys().messenger().counters().errorsSent == 0);
  CHECK(alice.keys().messenger().counters().recoveries == 0);
  requirePicturesGoOn(simulation, {&alice, &bob, &carol});
}

TEST_CASE("A worker that is lost in the middle of a rotation takes no key along") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 4));
  INFO("seed " << seed);
  Simulation simulation(seed);
  SimClient& alice = simulation.join(member("Alice"));
  SimClient& bob = simulation.join(member("Bob"));
  SimClient& carol = simulation.join(member("Carol"));
  requireTogether(simulation);
  carol.leave();
  // While the keys, or the receipts, are on their way.
  simulation.runFor(SendingKeys::coalescing +
                    TimeDelta::millis(30 + 20 * static_cast<int64_t>(seed - firstSeed)));
  simulation.server().loseWorker();
  simulation.runFor(TimeDelta::seconds(6));
  for (SimClient* each : {&alice, &bob}) {
    INFO(each->settings().name);
    CHECK(lastReport(*each).missingReceipts() == 0);
    CHECK(liveAfterMs(*each) < SendingKeys::liveWithin.ms());
  }
  requirePicturesGoOn(simulation, {&alice, &bob});
}

TEST_CASE("Key messages over lossy data channels arrive, each counted once, through many joins and leaves") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  LinkSettings link = network(0.03, TimeDelta::millis(40));
  link.jitter = TimeDelta::millis(20);
  link.reordering = 0.02;
  link.duplication = 0.01;
  Simulation simulation(seed);
  const auto settings = [&](const std::string& name) {
    ClientSettings made = member(name);
    made.up = made.down = link;
    made.microphone = false;
    made.framesPerSecond = 10;
    return made;
  };
  SimClient& alice = simulation.join(settings("Alice"));
  SimClient& bob = simulation.join(settings("Bob"));
  simulation.runFor(TimeDelta::seconds(4));
  for (int i = 0; i < 8; ++i) {
    SimClient& guest = simulation.join(settings("Guest " + std::to_string(i)));
    simulation.runFor(TimeDelta::seconds(3));
    guest.leave();
    simulation.runFor(TimeDelta::millis(1'500));
  }
  simulation.runFor(TimeDelta::seconds(5));
  for (SimClient* each : {&alice, &bob}) {
    const KeyMessageStatistics statistics = counted(*each);
    INFO(each->settings().name << ": " << statistics.sentDirect << " direct, " << statistics.sentBySocket
                               << " by socket, " << statistics.fellBack << " again, " << statistics.repeated
                               << " repeated");
    INFO("of at most 16: what did not come in time gives the channel a rest");
    CHECK(statistics.sentDirect > 8);
    CHECK(each->keys().messenger().counters().errorsSent == 0);
    for (const RotationReport& report : each->keys().agreement().sending().reports()) {
      for (const auto& removed : report.removed) {
        if (report.liveAt) CHECK((*report.liveAt - removed.knownAt).ms() <= SendingKeys::liveWithin.ms());
      }
    }
    CHECK(lastReport(*each).missingReceipts() == 0);
  }
  CHECK(alice.waitingForKeys().empty());
  CHECK(bob.waitingForKeys().empty());
  requireSound(simulation);
}

}  // namespace sotto::sim
