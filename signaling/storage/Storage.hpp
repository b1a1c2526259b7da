// Durable key-value storage with compare-and-set, behind which the embedded engine and a clustered one look
// alike. All calls answer through callbacks, in the thread that made the call and never from within it, so an
// engine may take its time without holding up the event loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "media/base/Expected.hpp"

namespace sotto::signaling {

/// Tells states of one key apart: a new one with every write, 0 for a key that is not there.
using StorageVersion = uint64_t;

struct StorageEntry {
  std::string key;
  std::string value;
  StorageVersion version = 0;
};

/// Some writes that happen all or not at all, provided that nothing they rest on has changed.
struct StorageBatch {
  struct Condition {
    std::string key;
    StorageVersion version = 0;  ///< the key must be at this version; 0: must not be there
  };
  struct Write {
    std::string key;
    std::optional<std::string> value;  ///< nullopt: delete
  };
  std::vector<Condition> conditions;
  std::vector<Write> writes;
};

enum class CommitResult : uint8_t {
  Committed,  ///< on stable storage: it survives a crash of process or machine from here on
  Conflict,   ///< a condition did not hold; nothing was written
  Failed,     ///< the engine could not (disk full, ...); whether anything was written is not known
};

/// Keys are bytes, ordered bytewise; 1..512 bytes. Values up to 16 MiB. Reads see every batch that was
/// reported Committed before they were asked.
class Storage {
 public:
  using GetDone = std::function<void(base::Expected<std::optional<StorageEntry>>)>;
  using ScanDone = std::function<void(base::Expected<std::vector<StorageEntry>>)>;
  using CommitDone = std::function<void(CommitResult)>;

  virtual ~Storage() = default;
  virtual void get(std::string key, GetDone done) = 0;
  /// Entries with `from` <= key < `to`, in order of key, at most `limit`.
  virtual void scan(std::string from, std::string to, size_t limit, ScanDone done) = 0;
  virtual void commit(StorageBatch batch, CommitDone done) = 0;
};

}  // namespace sotto::signaling
