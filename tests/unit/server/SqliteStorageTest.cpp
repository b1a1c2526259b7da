#include "server/SqliteStorage.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "media/base/Random.hpp"
#include "tests/unit/signaling/StorageContract.hpp"

namespace sotto::server {
namespace {

namespace asio = boost::asio;
using signaling::CommitResult;

/// A folder that goes with the test.
struct Folder {
  Folder() {
    char name[] = "/tmp/sotto-storage-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return path + "/test.db"; }
  std::string path;
};

/// A storage with its event loop, in the test's thread.
struct Opened {
  explicit Opened(const std::string& path) {
    auto opened =
        SqliteStorage::open(path, [this](std::function<void()> work) { asio::post(io, std::move(work)); });
    if (opened) {
      storage = *std::move(opened);
    } else {
      error = opened.error().message;
    }
  }
  /// Runs answers until `count` have been given.
  void settle(const size_t& answers, size_t count) {
    while (answers < count) io.run_one();
  }
  asio::io_context io;
  /// Without it, a loop that has run dry once never runs again.
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  std::unique_ptr<SqliteStorage> storage;
  std::string error;
};

/// Counts what is asked and what is answered, so that a test can wait for all of it without a clock.
class Counting final : public signaling::Storage {
  template <typename Done>
  auto counted(Done done) {
    ++asked_;
    return [this, done = std::move(done)](auto result) {
      ++answered_;
      done(std::move(result));
    };
  }

 public:
  explicit Counting(Opened& opened) : opened_(opened) {}
  void get(std::string key, GetDone done) override {
    opened_.storage->get(std::move(key), counted(std::move(done)));
  }
  void scan(std::string from, std::string to, size_t limit, ScanDone done) override {
    opened_.storage->scan(std::move(from), std::move(to), limit, counted(std::move(done)));
  }
  void commit(signaling::StorageBatch batch, CommitDone done) override {
    opened_.storage->commit(std::move(batch), counted(std::move(done)));
  }
  void settle() { opened_.settle(answered_, asked_); }

 private:
  Opened& opened_;
  size_t asked_ = 0, answered_ = 0;
};

std::optional<std::string> valueOf(Counting& storage, const std::string& key) {
  std::optional<std::string> value;
  storage.get(key, [&](auto entry) {
    if (entry.value()) value = (*entry)->value;
  });
  storage.settle();
  return value;
}

/// The child of the crash test: writes pairs of keys that must stay together, and reports each one that was
/// acknowledged, until it is killed.
[[noreturn]] void writeUntilKilled(const std::string& path, int report, uint32_t first) {
  Opened opened(path);
  if (!opened.storage) ::_exit(1);
  constexpr uint32_t underWay = 64;
  uint32_t next = first;
  std::function<void()> write = [&] {
    const uint32_t number = next++;
    const std::string text = std::to_string(number);
    opened.storage->commit({{{"a" + text, 0}}, {{"a" + text, text}, {"b" + text, text}, {"last", text}}},
                           [&, number](CommitResult result) {
                             if (result != CommitResult::Committed) ::_exit(2);
                             if (::write(report, &number, sizeof(number)) != sizeof(number)) ::_exit(3);
                             write();
                           });
  };
  for (uint32_t i = 0; i < underWay; ++i) write();
  opened.io.run();
  ::_exit(4);
}

}  // namespace

TEST_CASE("The storage file keeps the contract of storage, also when it is opened again") {
  const Folder folder;
  for (int i = 0; i < 2; ++i) {
    Opened opened(folder.file());
    REQUIRE(opened.error.empty());
    Counting storage(opened);
    signaling::test::checkStorageContract(storage, [&storage] { storage.settle(); });
  }
}

TEST_CASE("Batches that wait together go to disk together, and one that conflicts takes no other with it") {
  const Folder folder;
  Opened opened(folder.file());
  REQUIRE(opened.storage);
  Counting storage(opened);
  int committed = 0, conflicts = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string key = std::to_string(i % 190);
    storage.commit({{{key, 0}}, {{key, "x"}}}, [&](CommitResult result) {
      ++(result == CommitResult::Committed ? committed : conflicts);
    });
  }
  storage.settle();
  CHECK(committed == 190);
  CHECK(conflicts == 10);
  const auto counters = opened.storage->counters();
  CHECK(counters.batches == 200);
  CHECK(counters.conflicts == 10);
  CHECK(counters.failures == 0);
  CHECK(counters.syncs < 100);
}

TEST_CASE("Versions do not begin again when the file is opened again") {
  const Folder folder;
  signaling::StorageVersion first = 0;
  for (int i = 0; i < 2; ++i) {
    Opened opened(folder.file());
    REQUIRE(opened.storage);
    Counting storage(opened);
    storage.commit({{}, {{"key", "x"}}}, [](CommitResult) {});
    signaling::StorageVersion version = 0;
    storage.get("key", [&](const auto& entry) { version = entry.value()->version; });
    storage.commit({{}, {{"key", std::nullopt}}}, [](CommitResult) {});
    storage.settle();
    CHECK(version > first);
    first = version;
  }
}

TEST_CASE("What was asked before the storage goes is written, though nobody is told") {
  const Folder folder;
  {
    Opened opened(folder.file());
    REQUIRE(opened.storage);
    opened.storage->commit({{}, {{"key", "value"}}},
                           [](CommitResult) { FAIL("the event loop does not run"); });
  }
  Opened opened(folder.file());
  REQUIRE(opened.storage);
  Counting storage(opened);
  CHECK(valueOf(storage, "key") == "value");
}

TEST_CASE("Files that others may read, are in use or are no storage are refused by name") {
  const Folder folder;
  {
    Opened first(folder.file());
    REQUIRE(first.storage);
    struct stat status {};
    REQUIRE(::stat(folder.file().c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    // A process does not lock itself out: the second one must be another.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const Opened second(folder.file());
      ::_exit(second.error.find("is in use by another server") != std::string::npos ? 0 : 1);
    }
    int result = 0;
    REQUIRE(::waitpid(child, &result, 0) == child);
    CHECK(result == 0);
  }
  REQUIRE(::chmod(folder.file().c_str(), 0640) == 0);
  CHECK(Opened(folder.file()).error ==
        folder.file() + " is open to other users (mode 0640), expected 0600: chmod 600 it");
  REQUIRE(::chmod(folder.file().c_str(), 0600) == 0);
  CHECK(Opened(folder.file()).error.empty());
  CHECK(Opened(folder.path).error.find("cannot be opened") != std::string::npos);
  CHECK(Opened(folder.path + "/none/x.db").error.find("No such file") != std::string::npos);
  std::ofstream(folder.path + "/text.db") << std::string(5000, 'x');
  REQUIRE(::chmod((folder.path + "/text.db").c_str(), 0600) == 0);
  CHECK(Opened(folder.path + "/text.db").error.find("is no storage of this server") != std::string::npos);
}

TEST_CASE(
    "Killed at random moments, the storage has lost nothing that was acknowledged, and no half of a batch") {
  const Folder folder;
  constexpr uint64_t seed = 99;
  base::SeededRandom random(seed);
  uint32_t first = 0;
  std::vector<uint32_t> acknowledged;
  for (int round = 0; round < 6; ++round) {
    INFO("seed " << seed << ", round " << round);
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(ends[0]);
      writeUntilKilled(folder.file(), ends[1], first);
    }
    ::close(ends[1]);
    const size_t enough = acknowledged.size() + 50 + random.u32() % 400;
    uint32_t number = 0;
    while (::read(ends[0], &number, sizeof(number)) == sizeof(number)) {
      acknowledged.push_back(number);
      if (acknowledged.size() == enough) REQUIRE(::kill(child, SIGKILL) == 0);
    }
    ::close(ends[0]);
    int result = 0;
    REQUIRE(::waitpid(child, &result, 0) == child);
    REQUIRE(WIFSIGNALED(result));

    Opened opened(folder.file());
    INFO(opened.error);
    REQUIRE(opened.storage);
    Counting storage(opened);
    std::map<std::string, std::string> found;
    storage.scan("a", "c", 1'000'000, [&](auto entries) {
      for (const auto& entry : entries.value()) found[entry.key] = entry.value;
    });
    storage.settle();
    for (const uint32_t each : acknowledged) {
      REQUIRE(found.contains("a" + std::to_string(each)));
      REQUIRE(found.contains("b" + std::to_string(each)));
    }
    for (const auto& [key, value] : found)
      REQUIRE(found.contains((key[0] == 'a' ? "b" : "a") + key.substr(1)));
    first = static_cast<uint32_t>(std::stoul(valueOf(storage, "last").value())) + 1;
  }
}

}  // namespace sotto::server
