// Storage in memory, for tests and the simulator: the same promises as a real engine but for the crash.
// Nothing happens until drain(), so that every answer comes late, as from a disk.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "signaling/storage/Storage.hpp"

namespace sotto::signaling {

class MemoryStorage final : public Storage {
 public:
  void get(std::string key, GetDone done) override;
  void scan(std::string from, std::string to, size_t limit, ScanDone done) override;
  void commit(StorageBatch batch, CommitDone done) override;

  /// Carries out the oldest call and answers it; false when none waits.
  bool drainOne();
  /// Carries out calls until none waits, those included that the answers bring about.
  void drain();
  /// Carries out and forgets what waits, as if the process had died before the answers.
  void crash();
  size_t waiting() const { return queue_.size(); }
  size_t entries() const { return entries_.size(); }

  /// That many of the next commits fail, with nothing written.
  size_t failCommits = 0;
  /// That many of the next reads fail.
  size_t failReads = 0;
  /// Called when a call begins to wait where none did: time to plan a drain().
  std::function<void()> onWaiting;

 private:
  struct Stored {
    std::string value;
    StorageVersion version = 0;
  };
  /// Does the work and returns what is to be called with its outcome.
  using Call = std::function<std::function<void()>()>;

  void push(Call call);
  CommitResult apply(const StorageBatch& batch);

  std::map<std::string, Stored> entries_;
  StorageVersion lastVersion_ = 0;
  std::deque<Call> queue_;
};

}  // namespace sotto::signaling
