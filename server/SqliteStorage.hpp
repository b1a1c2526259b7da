// Storage in one SQLite file (WAL, synchronous FULL): needs no service beside it, and survives the death of
// the process or the machine at any moment. One thread of its own does all the work; what waits when it
// comes round goes to disk together, so that a hundred batches cost about as much as one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "media/base/Expected.hpp"
#include "signaling/storage/Storage.hpp"

namespace sotto::server {

class SqliteStorage final : public signaling::Storage {
 public:
  /// Runs a function later in the event loop's thread. Called from the storage thread.
  using Post = std::function<void(std::function<void()>)>;

  /// Opens or creates the file (mode 0600; one that others may read or write is refused). It stays locked
  /// until the storage goes: a second server on the same file is refused. `post` must work for as long.
  static base::Expected<std::unique_ptr<SqliteStorage>> open(const std::string& path, Post post);
  /// Writes what waits, then closes. Answers not yet given are not given any more.
  ~SqliteStorage() override;

  void get(std::string key, GetDone done) override;
  void scan(std::string from, std::string to, size_t limit, ScanDone done) override;
  void commit(signaling::StorageBatch batch, CommitDone done) override;

  struct Counters {
    uint64_t batches = 0;    ///< asked for
    uint64_t conflicts = 0;  ///< batches whose conditions did not hold
    uint64_t failures = 0;   ///< batches and reads that the engine could not do
    uint64_t syncs = 0;      ///< transactions written to disk, each for one or more batches
    uint64_t waiting = 0;    ///< calls that wait now
  };
  Counters counters() const;
  /// What the engine complained about last; empty when it never did.
  std::string lastError() const;

 private:
  struct Impl;
  explicit SqliteStorage(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sotto::server
