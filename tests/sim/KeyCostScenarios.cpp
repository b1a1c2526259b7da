// What keys cost in calls of 2 to 100 members, over the real signaling: messages, bytes, and how long it
// takes.
#include <cstdio>
#include <ctime>

#include "tests/sim/Scenario.hpp"

namespace sotto::sim {
namespace {

using base::TimeDelta;
using base::Timestamp;
using client::call::CallState;
using client::e2ee::RotationReport;

/// 100 ms there and back.
constexpr auto oneWay = TimeDelta::millis(50);

ClientSettings member(size_t number, bool data) {
  ClientSettings settings = viewer("Member " + std::to_string(number), network(0, oneWay));
  settings.automaticKeys = true;
  settings.audioSlots = 1;
  settings.videoSlots = 0;
  settings.signalingDelay = oneWay;
  settings.data = data;
  return settings;
}

/// Sums over all members, and what the process has computed.
struct Totals {
  uint64_t messages = 0, envelopes = 0, bytes = 0, webSocket = 0, webSocketBytes = 0, directory = 0;
  uint64_t direct = 0, fellBack = 0;
  std::clock_t cpu = 0;

  static Totals of(Simulation& simulation) {
    Totals sum;
    for (const auto& client : simulation.clients()) {
      const auto& counters = client->keys().messenger().counters();
      sum.messages += counters.sent;
      sum.envelopes += counters.envelopes;
      sum.bytes += counters.sentBytes;
      sum.webSocket += client->signalingMessages();
      sum.webSocketBytes += client->signalingBytes();
      sum.directory += client->device().directory.requests;
      const auto ways = client->keys().messageStatistics();
      sum.direct += ways.sentDirect;
      sum.fellBack += ways.fellBack;
    }
    sum.cpu = std::clock();
    return sum;
  }
};

void print(const char* what, size_t members, const Totals& from, const Totals& to, int64_t tookMs) {
  const auto cpu = static_cast<int64_t>(to.cpu - from.cpu) * 1'000 / CLOCKS_PER_SEC;
  std::printf(
      "%-6s %4zu members: %6llu sends %7llu envelopes (%llu over data channels, %llu of them again) %9llu "
      "sealed "
      "bytes, WebSocket %7llu messages %10llu bytes, directory %5llu, done after %5lld ms, CPU of all %6lld "
      "ms\n",
      what, members, static_cast<unsigned long long>(to.messages - from.messages),
      static_cast<unsigned long long>(to.envelopes - from.envelopes),
      static_cast<unsigned long long>(to.direct - from.direct),
      static_cast<unsigned long long>(to.fellBack - from.fellBack),
      static_cast<unsigned long long>(to.bytes - from.bytes),
      static_cast<unsigned long long>(to.webSocket - from.webSocket),
      static_cast<unsigned long long>(to.webSocketBytes - from.webSocketBytes),
      static_cast<unsigned long long>(to.directory - from.directory), static_cast<long long>(tookMs),
      static_cast<long long>(cpu));
}

const RotationReport& lastReport(SimClient& client) {
  return client.keys().agreement().sending().reports().back();
}

/// Every member's last rotation is of this kind, live, and acknowledged by all.
bool settled(Simulation& simulation, RotationReport::Reason reason, size_t members) {
  for (const auto& client : simulation.clients()) {
    if (client->session().state() != CallState::Connected) continue;
    const auto& reports = client->keys().agreement().sending().reports();
    if (reports.empty()) return false;
    const RotationReport& last = reports.back();
    if (client->keys().agreement().members().size() != members - 1) return false;
    const bool newcomer = last.reason == RotationReport::Reason::First;
    if ((last.reason != reason && !newcomer) || !last.liveAt || last.missingReceipts() > 0) return false;
  }
  return true;
}

/// All receipts of all reports so far.
bool everybodyHasEveryKey(Simulation& simulation, size_t members) {
  for (const auto& client : simulation.clients()) {
    if (client->session().state() == CallState::Left) continue;
    if (!client->keys().sealer().hasKey()) return false;
    if (client->keys().agreement().members().size() != members - 1) return false;
    for (const auto& [sender, device] : client->keys().agreement().members()) {
      if (!client->keys().opener().hasKeyOf(sender)) return false;
    }
    if (lastReport(*client).missingReceipts() > 0) return false;
  }
  return true;
}

/// A call of `members`: all but one set it up at once, the last one joins, and leaves again.
void runCall(size_t members, bool data) {
  std::printf("%s data channels\n", data ? "with" : "without");
  Simulation simulation(members);
  for (size_t i = 1; i <= members; ++i) simulation.device("Member " + std::to_string(i), oneWay);
  simulation.runFor(TimeDelta::seconds(2));

  const size_t first = members - 1;
  Totals before;
  before.cpu = std::clock();
  const Timestamp start = simulation.now();
  for (size_t i = 1; i <= first; ++i) simulation.join(member(i, data));
  REQUIRE(
      simulation.runUntil([&] { return everybodyHasEveryKey(simulation, first); }, TimeDelta::seconds(30)));
  print("set up", first, before, Totals::of(simulation), (simulation.now() - start).ms());
  simulation.runFor(TimeDelta::seconds(3));

  before = Totals::of(simulation);
  const Timestamp joining = simulation.now();
  SimClient& newcomer = simulation.join(member(members, data));
  REQUIRE(simulation.runUntil(
      [&] {
        return settled(simulation, RotationReport::Reason::Join, members) &&
               everybodyHasEveryKey(simulation, members);
      },
      TimeDelta::seconds(10)));
  print("join", members, before, Totals::of(simulation), (simulation.now() - joining).ms());
  simulation.runFor(TimeDelta::seconds(3));

  before = Totals::of(simulation);
  newcomer.leave();
  const Timestamp leaving = simulation.now();
  REQUIRE(simulation.runUntil([&] { return settled(simulation, RotationReport::Reason::Leave, first); },
                              TimeDelta::seconds(10)));
  print("leave", members, before, Totals::of(simulation), (simulation.now() - leaving).ms());

  base::TimeDelta longest;
  for (const auto& client : simulation.clients()) {
    if (client.get() == &newcomer) continue;
    const RotationReport& report = lastReport(*client);
    REQUIRE(report.removed.size() == 1);
    CHECK(report.receipts.size() == first - 1);
    CHECK(report.missingReceipts() == 0);
    REQUIRE(report.liveAt);
    longest = std::max(longest, *report.liveAt - report.removed[0].knownAt);
  }
  CHECK(longest.ms() <= 5'000);
  INFO("by either way: coalescing, a message there, a receipt gathered and back");
  CHECK(longest.ms() <= 250 + 4 * oneWay.ms() + 30);
  std::printf("       %4zu members: live at the latest %lld ms after the removal was known\n", members,
              static_cast<long long>(longest.ms()));
  requireSound(simulation);
}

}  // namespace

TEST_CASE(
    "When one of a hundred leaves, with 100 ms there and back, the new keys are live within five seconds") {
  runCall(100, /*data=*/false);
}

TEST_CASE("When one of a hundred leaves and all have data channels, the new keys are live no later") {
  runCall(100, /*data=*/true);
}

TEST_CASE("Keys for 3, 8 and 32 members: a join and a leave are acknowledged by all") {
  const bool data = GENERATE(false, true);
  for (const size_t members : {3u, 8u, 32u}) runCall(members, data);
}

}  // namespace sotto::sim
