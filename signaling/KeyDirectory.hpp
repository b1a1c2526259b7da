// The key directory of docs/directory.md: what devices publish so that others can begin sessions with them.
// A one-time prekey goes out at most once, ever: it is gone from stable storage before its answer leaves.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "signaling/Clock.hpp"
#include "signaling/KeyMessages.hpp"
#include "signaling/KeyRecord.hpp"
#include "signaling/RateLimiter.hpp"
#include "signaling/Settings.hpp"
#include "signaling/storage/Storage.hpp"

namespace sotto::signaling {

/// What else has to know of changes in the directory: the mailboxes.
class KeyDirectoryListener {
 public:
  virtual ~KeyDirectoryListener() = default;
  /// Deletes everything that waits for the device; `done` once it is gone (false: it could not be).
  virtual void emptyMailbox(const DeviceName& device, std::function<void(bool)> done) = 0;
  /// The device is registered, or is no longer.
  virtual void onRegistered(const DeviceName& device, bool registered) = 0;
  /// Fewer than the low mark are left.
  virtual void onPreKeysLow(const DeviceName& device, size_t remaining) = 0;
};

class KeyDirectory {
 public:
  template <typename T>
  using Done = std::function<void(Result<T>)>;
  struct None {};

  /// `now` is the time as last handed to the service. References must outlive the directory.
  KeyDirectory(Storage& storage, DirectoryLimits limits, const Now& now, KeyDirectoryListener& listener);

  // Each answers through `done`, once, later or from within.

  /// Registers the device or replaces what it had; answers how many one-time prekeys it has now. With the
  /// identity it had before, ids that were there already are not added again (so that it may be repeated).
  void put(const DeviceName& device, Registration registration, Done<size_t> done);
  void renew(const DeviceName& device, SignedPreKey key, Done<None> done);
  /// Answers how many there are now.
  void add(const DeviceName& device, std::vector<PreKey> keys, Done<size_t> done);
  void status(const DeviceName& device, Done<KeyStatus> done);
  void remove(const DeviceName& device, Done<None> done);
  void devices(const std::string& user, Done<std::vector<DeviceInfo>> done);
  /// `names` empty: all devices of the user. Takes one one-time prekey of each.
  void bundles(const std::string& requester, const std::string& user, std::vector<std::string> names,
               Done<std::vector<Bundle>> done);
  /// Calls onPreKeysLow for a registered device that has too few.
  void checkLow(const DeviceName& device);

  struct Counters {
    uint64_t registrations = 0;
    uint64_t refusedKeys = 0;     ///< signatures that did not verify
    uint64_t handedOut = 0;       ///< one-time prekeys
    uint64_t withoutOneTime = 0;  ///< bundles that had none
    uint64_t limited = 0;         ///< fetches refused for their rate
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Fetch {
    std::vector<std::string> names;
    Done<std::vector<Bundle>> done;
  };
  /// What concerns one user is done one after the other; fetches that wait are served together.
  struct Lane {
    bool busy = false;
    std::deque<std::function<void()>> waiting;
    std::deque<Fetch> fetches;
  };
  struct Put;
  struct Hand;

  void enter(const std::string& user, std::function<void()> work);
  void next(const std::string& user);
  template <typename T>
  Done<T> leaving(const std::string& user, Done<T> done);

  void putLoaded(const std::shared_ptr<Put>& put);
  void commitPut(const std::shared_ptr<Put>& put);
  void serveFetches(const std::string& user);
  void loadPreKeys(const std::shared_ptr<Hand>& hand);
  void handOut(const std::shared_ptr<Hand>& hand);
  void answer(const std::shared_ptr<Hand>& hand, CommitResult result);
  void failAll(const std::shared_ptr<Hand>& hand, const RequestError& error);
  using Loaded = std::function<void(Result<std::pair<KeyRecord, StorageVersion>>)>;
  void loadRecord(const DeviceName& device, Loaded loaded);
  void scanPreKeys(const DeviceName& device, std::function<void(Result<std::vector<StorageEntry>>)> found);
  void change(const DeviceName& device, const KeyRecord& record, StorageVersion version,
              const std::vector<PreKey>& added, std::function<void(CommitResult)> done);

  Storage& storage_;
  const DirectoryLimits limits_;
  const Now& now_;
  KeyDirectoryListener& listener_;
  RateLimiter fetches_, targetFetches_;
  std::unordered_map<std::string, Lane> lanes_;
  Counters counters_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace sotto::signaling
