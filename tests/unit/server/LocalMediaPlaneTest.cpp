// The media plane over real worker processes: placement, addresses, and rooms whose worker dies.
#include "server/LocalMediaPlane.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <stdexcept>

namespace sotto::server {
namespace {

struct Listener : signaling::MediaPlaneListener {
  std::vector<std::string> lost;
  std::function<void(const std::string& room)> whenLost;
  void onMediaEvent(const control::Event&) override {}
  void onRoomLost(const std::string& room, const std::string& reason) override {
    lost.push_back(room + ": " + reason);
    if (whenLost) whenLost(room);
  }
};

SupervisorOptions options(size_t workers) {
  SupervisorOptions options;
  options.program = std::string(SOTTO_BIN_DIR) + "/sotto-worker";
  options.address = "127.0.0.1";
  options.workers = workers;
  return options;
}

struct Fixture {
  boost::asio::io_context io;
  Listener listener;
  LocalMediaPlane plane{
      io, options(2), {base::SocketAddress::v4(192, 0, 2, 1, 0), base::SocketAddress::v4(127, 0, 0, 1, 0)}};

  Fixture() { plane.setListener(listener); }

  template <typename Condition>
  void runUntil(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      io.restart();
      const size_t ran = io.run_one_until(end);
      REQUIRE(ran == 1);
    }
  }
  /// Runs until a handler throws; what it says.
  std::string runUntilFault() {
    try {
      runUntil([] { return false; });
    } catch (const std::logic_error& error) {
      return error.what();
    }
    return "";
  }
  void startAll() {
    plane.start();
    runUntil([this] { return plane.supervisor().readyWorkers() == 2; });
  }
  std::string ask(const std::string& room, control::RequestBody body) {
    std::optional<control::Reply> reply;
    plane.request(room, std::move(body), [&reply](const control::Reply& answer) { reply = answer; });
    CHECK_FALSE(reply.has_value());
    runUntil([&reply] { return reply.has_value(); });
    return reply->error;
  }
  std::string create(const std::string& room) {
    return ask(room, control::CreateRoom{room, control::E2eePolicy::Required, 3});
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "before any worker is ready there is no place for a room") {
  CHECK(create("a") == "no media worker is there at the moment");
  CHECK(ask("a", control::CloseRoom{"a"}) == "the room has no worker");
  CHECK_FALSE(plane.address("a").has_value());
}

TEST_CASE_METHOD(Fixture, "rooms spread over the workers and have their worker's address and certificate") {
  startAll();
  REQUIRE(create("a").empty());
  REQUIRE(create("b").empty());
  const auto a = plane.address("a");
  const auto b = plane.address("b");
  REQUIRE(a.has_value());
  REQUIRE(b.has_value());
  REQUIRE(a->candidates.size() == 2);
  CHECK(a->candidates[0].ipString() == "192.0.2.1");
  CHECK(a->candidates[0].port == a->candidates[1].port);
  CHECK(a->candidates[0].port != 0);
  CHECK(a->candidates[0].port != b->candidates[0].port);
  CHECK_FALSE(a->fingerprint == b->fingerprint);

  CHECK(ask("a", control::CloseRoom{"a"}).empty());
  CHECK_FALSE(plane.address("a").has_value());
  CHECK(plane.rooms() == 1);
}

TEST_CASE_METHOD(Fixture, "a room that its worker refuses has no place, one that is there already keeps it") {
  startAll();
  CHECK_FALSE(create("").empty());
  CHECK_FALSE(plane.address("").has_value());
  CHECK(plane.rooms() == 0);
  REQUIRE(create("a").empty());
  CHECK_FALSE(create("a").empty());
  CHECK(plane.address("a").has_value());
}

TEST_CASE_METHOD(Fixture, "the rooms of a killed worker are lost, and can be placed again at once") {
  startAll();
  REQUIRE(create("a").empty());
  REQUIRE(create("b").empty());
  REQUIRE(create("c").empty());
  REQUIRE(kill(plane.supervisor().pid(0), SIGKILL) == 0);
  runUntil([this] { return listener.lost.size() == 2; });
  CHECK(listener.lost[0] == "a: the media worker was killed by signal 9 (Killed)");
  CHECK(listener.lost[1].rfind("c: ", 0) == 0);
  CHECK_FALSE(plane.address("a").has_value());
  CHECK(plane.address("b").has_value());
  CHECK(create("a").empty());
  CHECK(plane.address("a")->fingerprint == plane.address("b")->fingerprint);
  CHECK(ask("c", control::CloseRoom{"c"}) == "the room has no worker");
}

TEST_CASE_METHOD(Fixture, "what a killed worker was asked fails once its rooms are known to be lost") {
  startAll();
  REQUIRE(create("a").empty());
  const pid_t victim = plane.supervisor().pid(0);
  // Stopped first, so that it cannot answer before it is killed.
  REQUIRE(kill(victim, SIGSTOP) == 0);
  std::vector<std::string> told;
  listener.whenLost = [&](const std::string& room) {
    told.push_back("lost " + room);
    plane.request(
        room, control::CreateRoom{room, control::E2eePolicy::Required, 3},
        [&told, room](const control::Reply& reply) { told.push_back("placed " + room + reply.error); });
  };
  plane.request("a", control::SetRateCap{"a", "nobody", 1}, [&](const control::Reply& reply) {
    told.push_back("failed " + std::string(reply.error.empty() ? "not" : "a"));
  });
  // In flight too: its failure must not take the place away that the room has on the other worker.
  REQUIRE(create("b").empty());
  plane.request("c", control::CreateRoom{"c", control::E2eePolicy::Required, 3},
                [&](const control::Reply&) { told.push_back("failed c"); });
  REQUIRE(kill(victim, SIGKILL) == 0);
  runUntil([&] { return told.size() == 6; });
  CHECK(told == std::vector<std::string>{"lost a", "lost c", "failed a", "failed c", "placed a", "placed c"});
  CHECK(plane.address("a").has_value());
  CHECK(plane.address("c").has_value());
}

TEST_CASE_METHOD(
    Fixture,
    "an error at the loss of one room does not keep the others from being told, nor the worker away") {
  startAll();
  for (const char* room : {"a", "b", "c"}) REQUIRE(create(room).empty());
  const pid_t victim = plane.supervisor().pid(0);
  REQUIRE(kill(victim, SIGSTOP) == 0);
  std::vector<std::string> told;
  listener.whenLost = [&told](const std::string& room) {
    told.push_back("lost " + room);
    if (room == "a") throw std::logic_error("an error in the program");
  };
  for (const char* name : {"first", "second"}) {
    plane.request("a", control::SetRateCap{"a", "nobody", 1}, [&told, name](const control::Reply&) {
      told.push_back(name);
      throw std::logic_error("another error in the program");
    });
  }
  REQUIRE(kill(victim, SIGKILL) == 0);
  CHECK(runUntilFault() == "an error in the program");
  CHECK(told == std::vector<std::string>{"lost a", "lost c", "first", "second"});
  runUntil([this] { return plane.supervisor().readyWorkers() == 2; });
  CHECK(create("a").empty());
}

TEST_CASE_METHOD(Fixture, "statistics come from every worker that answers") {
  startAll();
  std::optional<LocalMediaPlane::AllStatistics> all;
  plane.statistics([&all](LocalMediaPlane::AllStatistics statistics) { all = std::move(statistics); });
  runUntil([&all] { return all.has_value(); });
  REQUIRE(all->size() == 2);
  CHECK((*all)[0].has_value());
  CHECK((*all)[1].has_value());
}

}  // namespace sotto::server
