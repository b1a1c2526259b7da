#include "signaling/storage/MemoryStorage.hpp"

#include <algorithm>
#include <utility>

namespace sotto::signaling {

void MemoryStorage::push(Call call) {
  queue_.push_back(std::move(call));
  if (queue_.size() == 1 && onWaiting) onWaiting();
}

void MemoryStorage::get(std::string key, GetDone done) {
  push([this, key = std::move(key), done = std::move(done)]() -> std::function<void()> {
    base::Expected<std::optional<StorageEntry>> result;
    if (failReads > 0) {
      --failReads;
      result = base::fail("the storage was told to fail");
    } else if (const auto found = entries_.find(key); found != entries_.end()) {
      result = StorageEntry{key, found->second.value, found->second.version};
    }
    return [done, result = std::move(result)]() mutable { done(std::move(result)); };
  });
}

void MemoryStorage::scan(std::string from, std::string to, size_t limit, ScanDone done) {
  push([this, from = std::move(from), to = std::move(to), limit,
        done = std::move(done)]() -> std::function<void()> {
    base::Expected<std::vector<StorageEntry>> result;
    if (failReads > 0) {
      --failReads;
      result = base::fail("the storage was told to fail");
    } else {
      for (auto it = entries_.lower_bound(from); it != entries_.end() && it->first < to; ++it) {
        if (result->size() == limit) break;
        result->push_back({it->first, it->second.value, it->second.version});
      }
    }
    return [done, result = std::move(result)]() mutable { done(std::move(result)); };
  });
}

void MemoryStorage::commit(StorageBatch batch, CommitDone done) {
  push([this, batch = std::move(batch), done = std::move(done)]() -> std::function<void()> {
    const CommitResult result = apply(batch);
    return [done, result] { done(result); };
  });
}

CommitResult MemoryStorage::apply(const StorageBatch& batch) {
  if (failCommits > 0) {
    --failCommits;
    return CommitResult::Failed;
  }
  const bool holds = std::all_of(batch.conditions.begin(), batch.conditions.end(), [this](const auto& c) {
    const auto found = entries_.find(c.key);
    return (found == entries_.end() ? 0 : found->second.version) == c.version;
  });
  if (!holds) return CommitResult::Conflict;
  for (const auto& write : batch.writes) {
    if (write.value) {
      entries_[write.key] = {*write.value, ++lastVersion_};
    } else {
      entries_.erase(write.key);
    }
  }
  return CommitResult::Committed;
}

bool MemoryStorage::drainOne() {
  if (queue_.empty()) return false;
  const Call call = std::move(queue_.front());
  queue_.pop_front();
  call()();
  return true;
}

void MemoryStorage::drain() {
  while (drainOne()) {
  }
}

void MemoryStorage::crash() {
  for (auto& call : std::exchange(queue_, {})) call();
}

}  // namespace sotto::signaling
