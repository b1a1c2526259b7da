// Data messages beside media: to all and to one, reliable and lossy, over bad networks and lost workers.
#include <algorithm>

#include "tests/sim/Scenario.hpp"

namespace sotto::sim {
namespace {

using base::TimeDelta;
using client::call::DataKind;
using client::call::DataSendResult;
using client::call::toEveryone;

std::vector<uint8_t> numbered(uint32_t number, size_t size) {
  std::vector<uint8_t> payload(size, static_cast<uint8_t>(number));
  base::storeU32(payload.data(), number);
  return payload;
}

DataSendResult send(Simulation& simulation, SimClient& from, uint16_t to, bool lossy, uint32_t number,
                    size_t size) {
  const auto result = from.session().sendData(to, lossy ? DataKind::Data : DataKind::Key, lossy,
                                              numbered(number, size), simulation.time().now());
  from.settle();
  return result;
}

/// With camera, microphone and data channels.
ClientSettings talker(const std::string& name, const LinkSettings& link = {}) {
  ClientSettings settings = participant(name, link);
  settings.data = true;
  return settings;
}

/// Numbers of what `receiver` got of `name` on one of its channels, in order of arrival.
std::vector<uint32_t> numbersFrom(const SimClient& receiver, const std::string& name, bool lossy) {
  std::vector<uint32_t> numbers;
  for (const SimClient::Data& data : receiver.data()) {
    if (data.from != name || data.lossy != lossy) continue;
    CHECK(data.kind == (lossy ? DataKind::Data : DataKind::Key));
    numbers.push_back(base::loadU32(data.payload.data()));
    CHECK(data.payload == numbered(numbers.back(), data.payload.size()));
  }
  return numbers;
}

bool everyoneOpen(Simulation& simulation) {
  return std::all_of(simulation.clients().begin(), simulation.clients().end(),
                     [](const auto& client) { return client->dataOpen(); });
}

/// The sender number of `name` as `viewer` knows it.
uint16_t numberOf(SimClient& viewer, const std::string& name) {
  for (const auto& member : viewer.session().roster()) {
    if (member.name == name) return member.sender;
  }
  FAIL("nobody is called " << name);
  return 0;
}

}  // namespace

TEST_CASE("Data messages reach all or one beside media, on a network that loses, repeats and reorders") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 5));
  INFO("seed " << seed);
  LinkSettings link = network(0.03, TimeDelta::millis(30));
  link.jitter = TimeDelta::millis(10);
  link.reordering = 0.02;
  link.duplication = 0.01;
  Simulation simulation(seed);
  const std::vector<std::string> names{"Alice", "Bob", "Carol"};
  for (const std::string& name : names) simulation.join(talker(name, link));
  REQUIRE(simulation.runUntil([&] { return everyoneOpen(simulation); }, TimeDelta::seconds(10)));
  REQUIRE(simulation.runUntil([&] { return simulation.everyoneSeesEveryone(); }, TimeDelta::seconds(10)));
  auto& alice = *simulation.clients()[0];
  auto& bob = *simulation.clients()[1];
  auto& carol = *simulation.clients()[2];
  constexpr uint32_t rounds = 60;
  // The lossy channel opens by messages of its own, which may be lost, too.
  REQUIRE(simulation.runUntil(
      [&] {
        return send(simulation, alice, numberOf(alice, "Bob"), true, rounds, 200) == DataSendResult::Sent;
      },
      TimeDelta::seconds(5)));
  for (uint32_t i = 0; i < rounds; ++i) {
    CHECK(send(simulation, alice, toEveryone, false, i, 20 + i * 50) == DataSendResult::Sent);
    CHECK(send(simulation, alice, toEveryone, true, i, 200) == DataSendResult::Sent);
    CHECK(send(simulation, bob, numberOf(bob, "Carol"), false, i, 400) == DataSendResult::Sent);
    simulation.runFor(TimeDelta::millis(50));
  }
  simulation.runFor(TimeDelta::seconds(5));

  std::vector<uint32_t> all(rounds);
  for (uint32_t i = 0; i < rounds; ++i) all[i] = i;
  CHECK(numbersFrom(bob, "Alice", false) == all);
  CHECK(numbersFrom(carol, "Alice", false) == all);
  CHECK(numbersFrom(carol, "Bob", false) == all);
  CHECK(numbersFrom(alice, "Bob", false).empty());
  CHECK(numbersFrom(alice, "Alice", false).empty());
  std::vector<uint32_t> lossy = numbersFrom(bob, "Alice", true);
  std::erase(lossy, rounds);
  // Two hops that lose three of a hundred packets each.
  CHECK(lossy.size() > rounds * 3 / 4);
  std::sort(lossy.begin(), lossy.end());
  CHECK(std::adjacent_find(lossy.begin(), lossy.end()) == lossy.end());
  requireSound(simulation);
}

TEST_CASE("Everybody knows who can be reached over data channels, and they come back after a lost worker") {
  Simulation simulation(3);
  auto& alice = simulation.join(talker("Alice"));
  auto& bob = simulation.join(talker("Bob"));
  const auto knows = [](SimClient& viewer, bool reachable) {
    const auto& roster = viewer.session().roster();
    return roster.size() == 1 && roster[0].data == reachable;
  };
  REQUIRE(
      simulation.runUntil([&] { return everyoneOpen(simulation) && knows(alice, true) && knows(bob, true); },
                          TimeDelta::seconds(5)));
  simulation.server().loseWorker();
  REQUIRE(simulation.runUntil([&] { return knows(alice, false); }, TimeDelta::seconds(5)));
  REQUIRE(simulation.runUntil(
      [&] { return alice.dataOpened() == 2 && bob.dataOpened() == 2 && knows(alice, true); },
      TimeDelta::seconds(10)));
  REQUIRE(send(simulation, alice, toEveryone, false, 1, 30) == DataSendResult::Sent);
  simulation.runFor(TimeDelta::seconds(1));
  CHECK(numbersFrom(bob, "Alice", false) == std::vector<uint32_t>{1});
}

TEST_CASE("A client whose network was gone for long gets a fresh channel and the rest of the call") {
  Simulation simulation(4);
  auto& alice = simulation.join(talker("Alice"));
  auto& bob = simulation.join(talker("Bob"));
  REQUIRE(simulation.runUntil([&] { return everyoneOpen(simulation); }, TimeDelta::seconds(5)));
  // Shorter than consent lasts, and too much to wait for Bob.
  const LinkSettings good = bob.down().settings;
  LinkSettings gone = good;
  gone.loss = 1;
  bob.down().settings = gone;
  uint32_t sent = 0;
  for (; sent < 40; ++sent) {
    REQUIRE(send(simulation, alice, toEveryone, false, sent, 40'000) == DataSendResult::Sent);
    simulation.runFor(TimeDelta::millis(200));
  }
  CHECK(simulation.server().counter("data_channels_reset_total") == 1);
  bob.down().settings = good;
  REQUIRE(simulation.runUntil([&] { return bob.dataOpened() == 2; }, TimeDelta::seconds(30)));
  const size_t before = bob.data().size();
  CHECK(before < sent);
  REQUIRE(send(simulation, alice, toEveryone, false, 1'000, 100) == DataSendResult::Sent);
  simulation.runFor(TimeDelta::seconds(2));
  CHECK(numbersFrom(bob, "Alice", false).back() == 1'000);
}

}  // namespace sotto::sim
