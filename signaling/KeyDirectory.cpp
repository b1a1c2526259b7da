#include "signaling/KeyDirectory.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "signaling/Guarded.hpp"
#include "signaling/XEdDsaVerify.hpp"

namespace sotto::signaling {
namespace {

/// Storage keys: 'd' user device -> KeyRecord; 'p' user device, id (4 bytes) -> 33 bytes of a one-time
/// prekey.
constexpr char recordPrefix = 'd';
constexpr char preKeyPrefix = 'p';
constexpr size_t idBytes = 4;
/// Times that a change is tried again when another server has changed the same device meanwhile.
constexpr int maxAttempts = 4;

std::string preKeyKey(const DeviceName& device, uint32_t id) {
  std::string key = device.key(preKeyPrefix);
  for (const int shift : {24, 16, 8, 0}) key += static_cast<char>(id >> shift & 0xFF);
  return key;
}

uint32_t idOf(const StorageEntry& entry) {
  uint32_t id = 0;
  for (const char c : std::string_view(entry.key).substr(entry.key.size() - idBytes)) {
    id = id << 8 | static_cast<uint8_t>(c);
  }
  return id;
}

/// The device's name in the key of its record.
std::string deviceOf(const StorageEntry& entry, const std::string& user) {
  const size_t before = userKey(recordPrefix, user).size();
  return entry.key.substr(before, entry.key.size() - before - 1);
}

RequestError storageFailed() {
  return {ErrorCode::StorageFailed, "the server could not read or write its storage; try again", 0, {}, {}};
}

tl::unexpected<RequestError> unknownDevice() {
  return refuse(ErrorCode::UnknownDevice, "this device is not registered");
}

tl::unexpected<RequestError> badSignature() {
  return refuse(ErrorCode::BadKey, "the signature of the signed prekey does not fit the identity key");
}

bool verifies(const std::string& identityKey, const SignedPreKey& key) {
  return verifyXEdDsa(identityKey, key.key, key.signature);
}

}  // namespace

/// A registration under way.
struct KeyDirectory::Put {
  DeviceName device;
  Registration registration;
  Done<size_t> done;
  int attempts = 0;
  StorageVersion version = 0;  ///< of the record that was found
  std::optional<KeyRecord> former;
  std::vector<StorageEntry> preKeys;  ///< that were found
};

/// Fetches of one user's bundles that are served together.
struct KeyDirectory::Hand {
  std::string user;
  std::vector<Fetch> fetches;
  int attempts = 0;
  struct Device {
    KeyRecord record;
    std::deque<StorageEntry> preKeys;
    bool touched = false;
  };
  std::map<std::string, Device> devices;
  size_t loading = 0;
  bool failed = false;
  std::vector<Result<std::vector<Bundle>>> results;
  uint64_t handedOut = 0, without = 0;
};

KeyDirectory::KeyDirectory(Storage& storage, DirectoryLimits limits, const Now& now,
                           KeyDirectoryListener& listener)
    : storage_(storage),
      limits_(limits),
      now_(now),
      listener_(listener),
      fetches_(limits.fetches),
      targetFetches_(limits.targetFetches) {}

void KeyDirectory::enter(const std::string& user, std::function<void()> work) {
  Lane& lane = lanes_[user];
  if (lane.busy) {
    lane.waiting.push_back(std::move(work));
    return;
  }
  lane.busy = true;
  work();
}

void KeyDirectory::next(const std::string& user) {
  const auto found = lanes_.find(user);
  if (found == lanes_.end()) return;
  Lane& lane = found->second;
  if (!lane.waiting.empty()) {
    const auto work = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    return work();
  }
  if (!lane.fetches.empty()) return serveFetches(user);
  lanes_.erase(found);
}

/// A `done` that lets the next one in first: whatever the caller does with the answer, the lane goes on.
template <typename T>
KeyDirectory::Done<T> KeyDirectory::leaving(const std::string& user, Done<T> done) {
  return [this, user, done = std::move(done)](Result<T> result) {
    next(user);
    done(std::move(result));
  };
}

void KeyDirectory::loadRecord(const DeviceName& device, Loaded loaded) {
  storage_.get(recordKey(device), guarded(alive_, [loaded = std::move(loaded)](auto entry) {
                 if (!entry) return loaded(tl::make_unexpected(storageFailed()));
                 if (!*entry) return loaded(unknownDevice());
                 auto record = readRecord((*entry)->value);
                 if (!record) return loaded(tl::make_unexpected(storageFailed()));
                 loaded(std::pair(*std::move(record), (*entry)->version));
               }));
}

void KeyDirectory::scanPreKeys(const DeviceName& device,
                               std::function<void(Result<std::vector<StorageEntry>>)> found) {
  const std::string from = device.key(preKeyPrefix);
  storage_.scan(from, pastPrefix(from), limits_.oneTimePreKeys,
                guarded(alive_, [found = std::move(found)](auto entries) {
                  if (!entries) return found(tl::make_unexpected(storageFailed()));
                  found(*std::move(entries));
                }));
}

void KeyDirectory::put(const DeviceName& device, Registration registration, Done<size_t> done) {
  if (!verifies(registration.identityKey, registration.signedPreKey)) {
    ++counters_.refusedKeys;
    return done(badSignature());
  }
  auto put = std::make_shared<Put>();
  put->device = device;
  put->registration = std::move(registration);
  put->done = leaving(device.user, std::move(done));
  enter(device.user, [this, put] { putLoaded(put); });
}

void KeyDirectory::putLoaded(const std::shared_ptr<Put>& put) {
  const std::string from = userKey(recordPrefix, put->device.user);
  storage_.scan(
      from, pastPrefix(from), limits_.devicesPerUser + 1, guarded(alive_, [this, put](auto devices) {
        if (!devices) return put->done(tl::make_unexpected(storageFailed()));
        put->version = 0;
        put->former.reset();
        for (const StorageEntry& entry : *devices) {
          if (deviceOf(entry, put->device.user) != put->device.device) continue;
          put->version = entry.version;
          put->former = readRecord(entry.value);
        }
        if (put->version == 0 && devices->size() >= limits_.devicesPerUser) {
          return put->done(refuse(
              ErrorCode::QuotaExceeded,
              "a user may have " + std::to_string(limits_.devicesPerUser) + " devices; remove one first"));
        }
        scanPreKeys(put->device, [this, put](Result<std::vector<StorageEntry>> preKeys) {
          if (!preKeys) return put->done(tl::make_unexpected(preKeys.error()));
          put->preKeys = *std::move(preKeys);
          if (put->former && put->former->identityKey == put->registration.identityKey) {
            return commitPut(put);
          }
          // What waits was sealed for another identity. It goes first, so that a crash in between
          // never leaves it to the new one.
          listener_.emptyMailbox(put->device, guarded(alive_, [this, put](bool emptied) {
                                   if (!emptied) return put->done(tl::make_unexpected(storageFailed()));
                                   commitPut(put);
                                 }));
        });
      }));
}

void KeyDirectory::commitPut(const std::shared_ptr<Put>& put) {
  const Registration& wanted = put->registration;
  const bool sameIdentity = put->former && put->former->identityKey == wanted.identityKey;
  KeyRecord record{wanted.identityKey, wanted.registrationId, wanted.signedPreKey, {}};
  if (sameIdentity) record.usedIds = put->former->usedIds;
  std::map<uint32_t, std::string> present;
  for (const StorageEntry& entry : put->preKeys) present[idOf(entry)] = entry.value;

  StorageBatch batch;
  batch.conditions.push_back({recordKey(put->device), put->version});
  std::vector<StorageBatch::Write> additions;
  size_t count = 0;
  for (const PreKey& key : wanted.oneTimePreKeys) {
    const auto there = present.find(key.id);
    if (sameIdentity && there != present.end()) {
      if (there->second != key.key) {
        return put->done(refuse(ErrorCode::DuplicatePrekey, "the one-time prekey " + std::to_string(key.id) +
                                                                " is there already with another key"));
      }
      present.erase(there);
      ++count;
      continue;
    }
    if (record.usedIds.contains(key.id)) continue;  // it has gone out
    record.usedIds.add(key.id);
    additions.push_back({preKeyKey(put->device, key.id), key.key});
    ++count;
  }
  if (record.usedIds.tooScattered()) {
    return put->done(refuse(ErrorCode::BadMessage, "ids of one-time prekeys must count up"));
  }
  for (const auto& [id, key] : present) batch.writes.push_back({preKeyKey(put->device, id), std::nullopt});
  batch.writes.push_back({recordKey(put->device), writeRecord(record)});
  batch.writes.insert(batch.writes.end(), additions.begin(), additions.end());
  storage_.commit(std::move(batch), guarded(alive_, [this, put, count](CommitResult result) {
                    if (result == CommitResult::Conflict && ++put->attempts < maxAttempts)
                      return putLoaded(put);
                    if (result != CommitResult::Committed) {
                      return put->done(tl::make_unexpected(storageFailed()));
                    }
                    ++counters_.registrations;
                    listener_.onRegistered(put->device, true);
                    put->done(count);
                  }));
}

/// Writes a record that was loaded at `version`, and keys that were not there.
void KeyDirectory::change(const DeviceName& device, const KeyRecord& record, StorageVersion version,
                          const std::vector<PreKey>& added, std::function<void(CommitResult)> done) {
  StorageBatch batch;
  batch.conditions.push_back({recordKey(device), version});
  batch.writes.push_back({recordKey(device), writeRecord(record)});
  for (const PreKey& key : added) {
    batch.conditions.push_back({preKeyKey(device, key.id), 0});
    batch.writes.push_back({preKeyKey(device, key.id), key.key});
  }
  storage_.commit(std::move(batch), guarded(alive_, std::move(done)));
}

void KeyDirectory::renew(const DeviceName& device, SignedPreKey key, Done<None> done) {
  enter(device.user, [this, device, key = std::move(key), done = leaving(device.user, std::move(done))] {
    loadRecord(device, [this, device, key, done](auto loaded) {
      if (!loaded) return done(tl::make_unexpected(loaded.error()));
      auto [record, version] = *std::move(loaded);
      if (!verifies(record.identityKey, key)) {
        ++counters_.refusedKeys;
        return done(badSignature());
      }
      record.signedPreKey = key;
      change(device, record, version, {}, [done](CommitResult result) {
        if (result != CommitResult::Committed) return done(tl::make_unexpected(storageFailed()));
        done(None{});
      });
    });
  });
}

void KeyDirectory::add(const DeviceName& device, std::vector<PreKey> keys, Done<size_t> done) {
  enter(device.user, [this, device, keys = std::move(keys), done = leaving(device.user, std::move(done))] {
    loadRecord(device, [this, device, keys, done](auto loaded) {
      if (!loaded) return done(tl::make_unexpected(loaded.error()));
      auto [record, version] = *std::move(loaded);
      for (const PreKey& key : keys) {
        if (record.usedIds.contains(key.id)) {
          return done(refuse(ErrorCode::DuplicatePrekey,
                             "the id " + std::to_string(key.id) + " was a one-time prekey's already"));
        }
        record.usedIds.add(key.id);
      }
      if (record.usedIds.tooScattered()) {
        return done(refuse(ErrorCode::BadMessage, "ids of one-time prekeys must count up"));
      }
      scanPreKeys(device, [this, device, keys, done, changed = std::move(record),
                           at = version](Result<std::vector<StorageEntry>> present) {
        if (!present) return done(tl::make_unexpected(present.error()));
        const size_t total = present->size() + keys.size();
        if (total > limits_.oneTimePreKeys) {
          return done(refuse(ErrorCode::TooLarge,
                             "a device may have " + std::to_string(limits_.oneTimePreKeys) +
                                 " one-time prekeys; it has " + std::to_string(present->size())));
        }
        change(device, changed, at, keys, [done, total](CommitResult result) {
          if (result != CommitResult::Committed) return done(tl::make_unexpected(storageFailed()));
          done(total);
        });
      });
    });
  });
}

void KeyDirectory::status(const DeviceName& device, Done<KeyStatus> done) {
  loadRecord(device, [this, device, done = std::move(done)](auto loaded) {
    if (!loaded) return done(tl::make_unexpected(loaded.error()));
    scanPreKeys(device, [done, record = std::move(loaded->first)](Result<std::vector<StorageEntry>> keys) {
      if (!keys) return done(tl::make_unexpected(keys.error()));
      KeyStatus status{record.identityKey, record.registrationId, record.signedPreKey.id, {}};
      for (const StorageEntry& entry : *keys) status.oneTimePreKeyIds.push_back(idOf(entry));
      done(std::move(status));
    });
  });
}

void KeyDirectory::remove(const DeviceName& device, Done<None> done) {
  enter(device.user, [this, device, done = leaving(device.user, std::move(done))] {
    loadRecord(device, [this, device, done](auto loaded) {
      if (!loaded) return done(tl::make_unexpected(loaded.error()));
      scanPreKeys(
          device, [this, device, done, version = loaded->second](Result<std::vector<StorageEntry>> present) {
            if (!present) return done(tl::make_unexpected(present.error()));
            StorageBatch batch;
            batch.conditions.push_back({recordKey(device), version});
            batch.writes.push_back({recordKey(device), std::nullopt});
            for (const StorageEntry& entry : *present) batch.writes.push_back({entry.key, std::nullopt});
            storage_.commit(std::move(batch), guarded(alive_, [this, device, done](CommitResult result) {
                              if (result != CommitResult::Committed)
                                return done(tl::make_unexpected(storageFailed()));
                              listener_.onRegistered(device, false);
                              listener_.emptyMailbox(device, guarded(alive_, [done](bool emptied) {
                                                       if (!emptied)
                                                         return done(tl::make_unexpected(storageFailed()));
                                                       done(None{});
                                                     }));
                            }));
          });
    });
  });
}

void KeyDirectory::devices(const std::string& user, Done<std::vector<DeviceInfo>> done) {
  const std::string from = userKey(recordPrefix, user);
  storage_.scan(from, pastPrefix(from), limits_.devicesPerUser,
                guarded(alive_, [user, done = std::move(done)](auto entries) {
                  if (!entries) return done(tl::make_unexpected(storageFailed()));
                  if (entries->empty())
                    return done(refuse(ErrorCode::UnknownUser, "this user has no device"));
                  std::vector<DeviceInfo> devices;
                  for (const StorageEntry& entry : *entries) {
                    const auto record = readRecord(entry.value);
                    if (!record) return done(tl::make_unexpected(storageFailed()));
                    devices.push_back({deviceOf(entry, user), record->identityKey, record->registrationId});
                  }
                  done(std::move(devices));
                }));
}

void KeyDirectory::bundles(const std::string& requester, const std::string& user,
                           std::vector<std::string> names, Done<std::vector<Bundle>> done) {
  const std::string pair = requester + '\0' + user;
  const bool mayTarget = targetFetches_.take(pair, now_.monotonic);
  if (!mayTarget || !fetches_.take(requester, now_.monotonic)) {
    ++counters_.limited;
    RequestError error{ErrorCode::RateLimited, "too many bundles fetched; wait", 0, {}, {}};
    error.retryAfter = mayTarget ? fetches_.secondsUntil(requester) : targetFetches_.secondsUntil(pair);
    return done(tl::make_unexpected(std::move(error)));
  }
  Lane& lane = lanes_[user];
  lane.fetches.push_back({std::move(names), std::move(done)});
  if (!std::exchange(lane.busy, true)) serveFetches(user);
}

/// One look at the user's keys and one commit for all fetches that wait.
void KeyDirectory::serveFetches(const std::string& user) {
  auto hand = std::make_shared<Hand>();
  hand->user = user;
  Lane& lane = lanes_[user];
  hand->fetches.assign(std::make_move_iterator(lane.fetches.begin()),
                       std::make_move_iterator(lane.fetches.end()));
  lane.fetches.clear();
  loadPreKeys(hand);
}

void KeyDirectory::loadPreKeys(const std::shared_ptr<Hand>& hand) {
  hand->devices.clear();
  hand->results.clear();
  hand->handedOut = hand->without = 0;
  const std::string from = userKey(recordPrefix, hand->user);
  storage_.scan(from, pastPrefix(from), limits_.devicesPerUser, guarded(alive_, [this, hand](auto entries) {
                  if (!entries) return failAll(hand, storageFailed());
                  for (const StorageEntry& entry : *entries) {
                    auto record = readRecord(entry.value);
                    if (!record) return failAll(hand, storageFailed());
                    hand->devices[deviceOf(entry, hand->user)].record = *std::move(record);
                  }
                  hand->loading = hand->devices.size();
                  if (hand->loading == 0) {
                    return failAll(hand, {ErrorCode::UnknownUser, "this user has no device", 0, {}, {}});
                  }
                  for (const auto& [name, device] : hand->devices) {
                    scanPreKeys({hand->user, name}, [this, hand, name = name](auto keys) {
                      if (keys) {
                        auto& found = hand->devices[name].preKeys;
                        found.assign(std::make_move_iterator(keys->begin()),
                                     std::make_move_iterator(keys->end()));
                      } else {
                        hand->failed = true;
                      }
                      if (--hand->loading > 0) return;
                      if (hand->failed) return failAll(hand, storageFailed());
                      handOut(hand);
                    });
                  }
                }));
}

void KeyDirectory::handOut(const std::shared_ptr<Hand>& hand) {
  StorageBatch batch;
  for (const Fetch& fetch : hand->fetches) {
    std::vector<Bundle> bundles;
    for (auto& [name, device] : hand->devices) {
      if (!fetch.names.empty() &&
          std::find(fetch.names.begin(), fetch.names.end(), name) == fetch.names.end()) {
        continue;
      }
      Bundle bundle{
          name, device.record.registrationId, device.record.identityKey, device.record.signedPreKey, {}};
      device.touched = true;
      if (device.preKeys.empty()) {
        ++hand->without;
      } else {
        StorageEntry& entry = device.preKeys.front();
        batch.conditions.push_back({entry.key, entry.version});
        batch.writes.push_back({entry.key, std::nullopt});
        bundle.oneTimePreKey = PreKey{idOf(entry), std::move(entry.value)};
        device.preKeys.pop_front();
        ++hand->handedOut;
      }
      bundles.push_back(std::move(bundle));
    }
    if (bundles.empty()) {
      hand->results.push_back(refuse(ErrorCode::UnknownDevice, "none of these devices is registered"));
    } else {
      hand->results.push_back(std::move(bundles));
    }
  }
  if (batch.writes.empty()) return answer(hand, CommitResult::Committed);
  storage_.commit(std::move(batch),
                  guarded(alive_, [this, hand](CommitResult result) { answer(hand, result); }));
}

void KeyDirectory::answer(const std::shared_ptr<Hand>& hand, CommitResult result) {
  if (result == CommitResult::Conflict && ++hand->attempts < maxAttempts) return loadPreKeys(hand);
  if (result != CommitResult::Committed) return failAll(hand, storageFailed());
  counters_.handedOut += hand->handedOut;
  counters_.withoutOneTime += hand->without;
  next(hand->user);
  for (size_t i = 0; i < hand->fetches.size(); ++i) hand->fetches[i].done(std::move(hand->results[i]));
  for (const auto& [name, device] : hand->devices) {
    if (device.touched && device.preKeys.size() < limits_.lowPreKeys) {
      listener_.onPreKeysLow({hand->user, name}, device.preKeys.size());
    }
  }
}

void KeyDirectory::failAll(const std::shared_ptr<Hand>& hand, const RequestError& error) {
  next(hand->user);
  for (const Fetch& fetch : hand->fetches) fetch.done(tl::make_unexpected(error));
}

void KeyDirectory::checkLow(const DeviceName& device) {
  loadRecord(device, [this, device](auto loaded) {
    if (!loaded) return;
    scanPreKeys(device, [this, device](Result<std::vector<StorageEntry>> keys) {
      if (keys && keys->size() < limits_.lowPreKeys) listener_.onPreKeysLow(device, keys->size());
    });
  });
}

}  // namespace sotto::signaling
