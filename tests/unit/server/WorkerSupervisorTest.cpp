// With real processes: sotto-worker itself, and small scripts for workers that misbehave.
#include "server/WorkerSupervisor.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace sotto::server {
namespace {

using std::chrono::milliseconds;

/// Bounds a wait for an event; reached only when a test fails.
constexpr std::chrono::seconds patience{60};

struct Recorder : SupervisorListener {
  std::vector<control::WorkerReady> ready;
  std::vector<std::string> lost, failed;
  void onWorkerReady(size_t, const control::WorkerReady& message) override { ready.push_back(message); }
  void onWorkerLost(size_t, const std::string& reason) override { lost.push_back(reason); }
  void onWorkerFailed(size_t, const std::string& reason) override { failed.push_back(reason); }
  void onWorkerEvent(size_t, const control::Event&) override {}
};

struct Fixture {
  boost::asio::io_context io;
  Recorder recorder;

  template <typename Condition>
  void runUntil(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
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
  void stop(WorkerSupervisor& supervisor) {
    bool stopped = false;
    supervisor.stop(milliseconds(60'000), [&stopped] { stopped = true; });
    runUntil([&] { return stopped; });
  }
  static SupervisorOptions options(const std::string& program, size_t workers = 1) {
    SupervisorOptions options;
    options.program = program;
    options.address = "127.0.0.1";
    options.workers = workers;
    return options;
  }
};

const std::string realWorker = std::string(SOTTO_BIN_DIR) + "/sotto-worker";

/// An executable file that is gone when the test ends.
struct Script {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("sotto-script-" + std::to_string(getpid()));
  explicit Script(const std::string& body) {
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    chmod(path.c_str(), 0700);
  }
  ~Script() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "workers start, each with a port and a certificate of its own, and answer") {
  WorkerSupervisor supervisor(io, options(realWorker, 2), recorder);
  supervisor.start();
  runUntil([&] { return recorder.ready.size() == 2; });
  CHECK(recorder.ready[0].udpPort != recorder.ready[1].udpPort);
  CHECK(recorder.ready[0].fingerprint.algorithm == "sha-256");
  CHECK(recorder.ready[0].fingerprint.value.size() == 32 * 3 - 1);
  CHECK(recorder.ready[0].fingerprint.value != recorder.ready[1].fingerprint.value);
  CHECK(supervisor.readyWorkers() == 2);

  std::optional<control::Reply> reply;
  supervisor.request(1, control::GetStatistics{}, [&](const control::Reply& answer) { reply = answer; });
  CHECK_FALSE(reply.has_value());
  runUntil([&] { return reply.has_value(); });
  CHECK(reply->error.empty());
  REQUIRE(reply->statistics.has_value());
  CHECK_FALSE(reply->statistics->counters.empty());

  stop(supervisor);
  CHECK(recorder.lost.empty());
  CHECK(supervisor.readyWorkers() == 0);
}

TEST_CASE_METHOD(Fixture, "a killed worker is noticed, its open requests fail, and another takes its place") {
  WorkerSupervisor supervisor(io, options(realWorker), recorder);
  supervisor.start();
  runUntil([&] { return recorder.ready.size() == 1; });
  const pid_t victim = supervisor.pid(0);

  // Stopped first, so that it cannot answer before it is killed.
  REQUIRE(kill(victim, SIGSTOP) == 0);
  std::optional<control::Reply> reply;
  supervisor.request(0, control::GetStatistics{}, [&](const control::Reply& answer) { reply = answer; });
  REQUIRE(kill(victim, SIGKILL) == 0);
  const auto killed = std::chrono::steady_clock::now();
  runUntil([&] { return !recorder.lost.empty(); });
  CHECK(recorder.lost[0] == "was killed by signal 9 (Killed)");
  REQUIRE(reply.has_value());
  CHECK(reply->error == "media worker 0 was killed by signal 9 (Killed)");
  CHECK_FALSE(supervisor.isReady(0));

  runUntil([&] { return recorder.ready.size() == 2; });
  CHECK(std::chrono::steady_clock::now() - killed < std::chrono::seconds(3));
  CHECK(supervisor.pid(0) != victim);
  CHECK(supervisor.restarts() == 1);
  CHECK(recorder.ready[0].fingerprint.value != recorder.ready[1].fingerprint.value);
  stop(supervisor);
}

TEST_CASE_METHOD(Fixture, "a request to a worker that is not there fails later, not at once") {
  WorkerSupervisor supervisor(io, options(realWorker), recorder);
  std::optional<control::Reply> reply;
  supervisor.request(0, control::GetStatistics{}, [&](const control::Reply& answer) { reply = answer; });
  CHECK_FALSE(reply.has_value());
  runUntil([&] { return reply.has_value(); });
  CHECK(reply->error == "no media worker is there");
}

TEST_CASE_METHOD(Fixture, "a request too large for the channel fails alone") {
  WorkerSupervisor supervisor(io, options(realWorker), recorder);
  supervisor.start();
  runUntil([&] { return recorder.ready.size() == 1; });
  std::optional<control::Reply> large, small;
  supervisor.request(0, control::CloseRoom{std::string(1 << 20, 'x')},
                     [&](const control::Reply& answer) { large = answer; });
  supervisor.request(0, control::GetStatistics{}, [&](const control::Reply& answer) { small = answer; });
  runUntil([&] { return large && small; });
  CHECK(large->error == "the request is too large");
  CHECK(small->error.empty());
  CHECK(recorder.lost.empty());
  stop(supervisor);
}

TEST_CASE_METHOD(Fixture, "a program that is not there, or ends at once, is reported and tried again") {
  WorkerSupervisor missing(io, options("/no/such/program"), recorder);
  missing.start();
  runUntil([&] { return recorder.failed.size() == 2; });
  CHECK(recorder.failed[0] == "cannot start /no/such/program: No such file or directory");
  CHECK(missing.restarts() == 1);
  stop(missing);

  recorder.failed.clear();
  WorkerSupervisor ending(io, options("/bin/false"), recorder);
  ending.start();
  runUntil([&] { return recorder.failed.size() == 2; });
  CHECK(recorder.failed[0] == "exited with code 1");
  stop(ending);
}

TEST_CASE_METHOD(Fixture, "a worker that never gets ready is killed") {
  const Script script("exec sleep 1000");
  SupervisorOptions impatient = options(script.path.string());
  impatient.answerTimeout = milliseconds(50);
  WorkerSupervisor supervisor(io, impatient, recorder);
  supervisor.start();
  runUntil([&] { return !recorder.failed.empty(); });
  CHECK(recorder.failed[0] == "did not answer and was killed by signal 9 (Killed)");
  stop(supervisor);
}

TEST_CASE_METHOD(Fixture, "a worker that stops answering is killed and replaced") {
  SupervisorOptions impatient = options(realWorker);
  impatient.answerTimeout = milliseconds(1500);
  WorkerSupervisor supervisor(io, impatient, recorder);
  supervisor.start();
  runUntil([&] { return recorder.ready.size() == 1; });
  REQUIRE(kill(supervisor.pid(0), SIGSTOP) == 0);
  runUntil([&] { return !recorder.lost.empty(); });
  CHECK(recorder.lost[0] == "did not answer and was killed by signal 9 (Killed)");
  runUntil([&] { return recorder.ready.size() == 2; });
  stop(supervisor);
}

TEST_CASE_METHOD(Fixture,
                 "an error at a worker's message ends with that message: the worker goes on being heard") {
  WorkerSupervisor supervisor(io, options(realWorker), recorder);
  supervisor.start();
  runUntil([&] { return recorder.ready.size() == 1; });
  const pid_t before = supervisor.pid(0);
  std::optional<control::Reply> reply;
  supervisor.request(0, control::GetStatistics{},
                     [](const control::Reply&) { throw std::logic_error("an error in the program"); });
  supervisor.request(0, control::GetStatistics{}, [&](const control::Reply& answer) { reply = answer; });
  CHECK(runUntilFault() == "an error in the program");
  runUntil([&] { return reply.has_value(); });
  CHECK(reply->error.empty());
  CHECK(supervisor.pid(0) == before);
  stop(supervisor);
}

TEST_CASE("the wait before another start grows from nothing to five seconds") {
  CHECK(WorkerSupervisor::backoff(0) == milliseconds(0));
  CHECK(WorkerSupervisor::backoff(1) == milliseconds(100));
  CHECK(WorkerSupervisor::backoff(2) == milliseconds(200));
  CHECK(WorkerSupervisor::backoff(7) == milliseconds(5000));
  CHECK(WorkerSupervisor::backoff(1000) == milliseconds(5000));
}

}  // namespace sotto::server
