#include "tests/unit/signaling/StorageContract.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "media/base/Random.hpp"

namespace sotto::signaling::test {
namespace {

struct Caller {
  Storage& storage;
  const std::function<void()>& settle;

  CommitResult commit(StorageBatch batch) const {
    std::optional<CommitResult> result;
    storage.commit(std::move(batch), [&](CommitResult r) { result = r; });
    REQUIRE_FALSE(result.has_value());
    settle();
    REQUIRE(result.has_value());
    return *result;
  }
  std::optional<StorageEntry> get(const std::string& key) const {
    std::optional<std::optional<StorageEntry>> found;
    storage.get(key, [&](auto entry) { found = entry.value(); });
    settle();
    REQUIRE(found.has_value());
    return *found;
  }
  std::vector<StorageEntry> scan(const std::string& from, const std::string& to, size_t limit) const {
    std::optional<std::vector<StorageEntry>> found;
    storage.scan(from, to, limit, [&](auto entries) { found = entries.value(); });
    settle();
    REQUIRE(found.has_value());
    return *found;
  }
};

void checkVersions(const Caller& caller) {
  const std::string key = "contract-version";
  CHECK(caller.commit({{{key, 0}}, {{key, "one"}}}) == CommitResult::Committed);
  const auto first = caller.get(key);
  REQUIRE(first.has_value());
  CHECK(first->key == key);
  CHECK(first->value == "one");
  CHECK(first->version != 0);
  CHECK(caller.commit({{{key, 0}}, {{key, "two"}}}) == CommitResult::Conflict);
  CHECK(caller.commit({{{key, first->version}}, {{key, "two"}}}) == CommitResult::Committed);
  const auto second = caller.get(key);
  CHECK(second->version != first->version);
  CHECK(caller.commit({{{key, first->version}}, {{key, std::nullopt}}}) == CommitResult::Conflict);
  CHECK(caller.commit({{{key, second->version}}, {{key, std::nullopt}}}) == CommitResult::Committed);
  CHECK_FALSE(caller.get(key).has_value());
  // A key that comes back is another one than the one that went.
  CHECK(caller.commit({{{key, 0}}, {{key, "one"}}}) == CommitResult::Committed);
  CHECK(caller.get(key)->version != first->version);
  CHECK(caller.get(key)->version != second->version);
  CHECK(caller.commit({{}, {{key, std::nullopt}}}) == CommitResult::Committed);
}

void checkBatches(const Caller& caller) {
  // All or nothing: the condition on the last key takes the writes to the first back.
  CHECK(caller.commit({{}, {{"contract-b", "b"}}}) == CommitResult::Committed);
  CHECK(caller.commit({{{"contract-b", 0}}, {{"contract-a", "a"}, {"contract-b", "c"}}}) ==
        CommitResult::Conflict);
  CHECK_FALSE(caller.get("contract-a").has_value());
  CHECK(caller.get("contract-b")->value == "b");
  // Of two that ask for the same at once, one gets it.
  int committed = 0, conflicts = 0;
  for (int i = 0; i < 5; ++i) {
    caller.storage.commit({{{"contract-once", 0}}, {{"contract-once", std::to_string(i)}}},
                          [&](CommitResult r) { ++(r == CommitResult::Committed ? committed : conflicts); });
  }
  caller.settle();
  CHECK(committed == 1);
  CHECK(conflicts == 4);
  CHECK(caller.get("contract-once")->value == "0");
  CHECK(caller.commit({{}, {{"contract-b", std::nullopt}, {"contract-once", std::nullopt}}}) ==
        CommitResult::Committed);
}

void checkBytes(const Caller& caller) {
  const std::string key("contract\0\xff\x80 key", 16);
  const std::string value(70'000, '\0');
  CHECK(caller.commit({{}, {{key, value}, {"contract-empty", ""}}}) == CommitResult::Committed);
  CHECK(caller.get(key)->value == value);
  CHECK(caller.get("contract-empty")->value.empty());
  CHECK(caller.commit({{}, {{key, std::nullopt}, {"contract-empty", std::nullopt}}}) ==
        CommitResult::Committed);
}

/// Random batches over few keys, beside a map that does the same.
void checkAgainstModel(const Caller& caller) {
  constexpr uint64_t seed = 4242;
  base::SeededRandom random(seed);
  std::map<std::string, std::string> model;
  const auto key = [](uint32_t number) { return std::string("contract-") + static_cast<char>(number); };
  for (int step = 0; step < 300; ++step) {
    INFO("seed " << seed << ", step " << step);
    StorageBatch batch;
    auto after = model;
    for (uint32_t i = 0; i <= random.u32() % 3; ++i) {
      const std::string name = key(random.u32() % 256);
      if (random.u32() % 3 == 0) {
        batch.writes.push_back({name, std::nullopt});
        after.erase(name);
      } else {
        batch.writes.push_back({name, std::to_string(step)});
        after[name] = std::to_string(step);
      }
    }
    REQUIRE(caller.commit(std::move(batch)) == CommitResult::Committed);
    model = std::move(after);
    const std::string from = key(random.u32() % 256);
    const std::string to = key(random.u32() % 256);
    const size_t limit = 1 + random.u32() % 20;
    const auto found = caller.scan(from, to, limit);
    auto expected = model.lower_bound(from);
    size_t count = 0;
    for (; expected != model.end() && expected->first < to && count < limit; ++expected, ++count) {
      REQUIRE(count < found.size());
      REQUIRE(found[count].key == expected->first);
      REQUIRE(found[count].value == expected->second);
    }
    REQUIRE(found.size() == count);
  }
  StorageBatch last;
  for (const auto& [name, value] : model) last.writes.push_back({name, std::nullopt});
  REQUIRE(caller.commit(std::move(last)) == CommitResult::Committed);
}

}  // namespace

void checkStorageContract(Storage& storage, const std::function<void()>& settle) {
  const Caller caller{storage, settle};
  checkVersions(caller);
  checkBatches(caller);
  checkBytes(caller);
  checkAgainstModel(caller);
}

}  // namespace sotto::signaling::test
