#include "signaling/storage/MemoryStorage.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/signaling/StorageContract.hpp"

namespace sotto::signaling {

TEST_CASE("Storage in memory keeps the contract of storage") {
  MemoryStorage storage;
  test::checkStorageContract(storage, [&storage] { storage.drain(); });
}

TEST_CASE("Storage in memory answers nothing before it is told to") {
  MemoryStorage storage;
  int answers = 0, waits = 0;
  storage.onWaiting = [&] { ++waits; };
  storage.get("a", [&](auto) { ++answers; });
  storage.commit({{}, {{"a", "1"}}}, [&](CommitResult) { ++answers; });
  CHECK(answers == 0);
  CHECK(waits == 1);
  CHECK(storage.drainOne());
  CHECK(answers == 1);
  storage.crash();
  CHECK(answers == 1);
  CHECK(storage.entries() == 1);
}

TEST_CASE("Storage in memory fails when it is told to, and writes nothing then") {
  MemoryStorage storage;
  storage.failCommits = 1;
  storage.failReads = 1;
  CommitResult result = CommitResult::Committed;
  bool failed = false;
  storage.commit({{}, {{"a", "1"}}}, [&](CommitResult r) { result = r; });
  storage.get("a", [&](auto entry) { failed = !entry.has_value(); });
  storage.drain();
  CHECK(result == CommitResult::Failed);
  CHECK(failed);
  CHECK(storage.entries() == 0);
}

}  // namespace sotto::signaling
