// Two devices over a network that loses, reorders and repeats, from many seeds: every message that arrives
// opens once, with its own content, and nothing else ever does.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/unit/signal/SignalTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;
using namespace sotto::e2ee::signal::test;

namespace {

struct InFlight {
  CiphertextMessage message;
  std::string text;
  /// Too late for the five chains that a receiver keeps: sent that many turns of the ratchet ago.
  int age = 0;
};

/// One direction of the network.
using Wire = std::vector<InFlight>;

struct Run {
  uint64_t seed;
  base::SeededRandom dice;
  TestDevice alice;
  TestDevice bob;
  Wire toAlice, toBob;
  std::set<std::string> opened;
  size_t sent = 0, lost = 0, repeated = 0, reordered = 0, restarts = 0;

  explicit Run(uint64_t from)
      : seed(from), dice(from), alice("alice", from + 1000), bob("bob", from + 2000) {}

  uint32_t roll(uint32_t sides) { return dice.u32() % sides; }

  void send(TestDevice& from, TestDevice& to, Wire& wire) {
    if (!from.store.hasSession(to.name())) {
      REQUIRE(from.store.begin(to.name(), to.bundle(roll(2) == 0), from.random));
    }
    const std::string text = from.name().user + " " + std::to_string(sent++) + std::string(roll(40), '.');
    // Not through the storage: writing the whole store each time is tested elsewhere.
    auto pending = from.store.encrypt(to.name(), bytesOf(text)).value();
    wire.push_back({from.save(std::move(pending)), text});
    if (roll(100) < 15) {
      wire.pop_back();
      ++lost;
    }
  }

  void deliver(TestDevice& from, TestDevice& to, Wire& wire) {
    if (wire.empty()) return;
    // Mostly the oldest, often another of the oldest few.
    const size_t at = roll(3) == 0 ? roll(static_cast<uint32_t>(std::min<size_t>(wire.size(), 12))) : 0;
    if (at != 0) ++reordered;
    const InFlight arriving = wire[at];
    const bool again = roll(100) < 10;
    if (again) {
      ++repeated;
    } else {
      wire.erase(wire.begin() + static_cast<ptrdiff_t>(at));
    }
    const std::string result = to.open(from, arriving.message);
    INFO("seed " << seed << ", \"" << arriving.text << "\" gave \"" << result << "\"");
    if (opened.contains(arriving.text)) {
      const bool refused =
          result == "!duplicate" || result == "!invalid-message" || result == "!unknown-prekey";
      REQUIRE(refused);
      return;
    }
    REQUIRE(result == arriving.text);
    opened.insert(arriving.text);
  }

  /// A device that goes on from what it has stored.
  void restart(TestDevice& device) {
    device.store = DeviceStore::deserialize(device.store.serialize().view()).value();
    ++restarts;
  }

  void step() {
    switch (roll(8)) {
      case 0:
      case 1:
        return send(alice, bob, toBob);
      case 2:
      case 3:
        return send(bob, alice, toAlice);
      case 4:
      case 5:
        return deliver(alice, bob, toBob);
      case 6:
      case 7:
        return deliver(bob, alice, toAlice);
      default:
        return;
    }
  }
};

}  // namespace

TEST_CASE("every message that arrives opens exactly once under loss, reordering and repetition") {
  size_t opened = 0, lost = 0, repeated = 0, reordered = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    Run run(seed);
    for (int i = 0; i < 600; ++i) {
      run.step();
      // Messages must not fall further behind than the chains that a receiver keeps.
      while (run.toBob.size() > 6) run.deliver(run.alice, run.bob, run.toBob);
      while (run.toAlice.size() > 6) run.deliver(run.bob, run.alice, run.toAlice);
      if (run.roll(50) == 0) run.restart(run.roll(2) == 0 ? run.alice : run.bob);
    }
    INFO("seed " << seed);
    CHECK(run.restarts > 0);
    opened += run.opened.size();
    lost += run.lost;
    repeated += run.repeated;
    reordered += run.reordered;
  }
  CHECK(opened > 2000);
  CHECK(lost > 300);
  CHECK(repeated > 200);
  CHECK(reordered > 200);
}
