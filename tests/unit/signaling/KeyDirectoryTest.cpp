#include "signaling/KeyDirectory.hpp"

#include <catch2/catch.hpp>
#include <optional>
#include <set>

#include "Devices.hpp"
#include "signaling/storage/MemoryStorage.hpp"

namespace sotto::signaling {
namespace {

using namespace test;

struct Listener final : KeyDirectoryListener {
  void emptyMailbox(const DeviceName& device, std::function<void(bool)> done) override {
    emptied.push_back(device);
    done(!failEmptying);
  }
  void onRegistered(const DeviceName& device, bool registered) override {
    registrations.emplace_back(device, registered);
  }
  void onPreKeysLow(const DeviceName& device, size_t remaining) override {
    low.emplace_back(device, remaining);
  }
  bool failEmptying = false;
  std::vector<DeviceName> emptied;
  std::vector<std::pair<DeviceName, bool>> registrations;
  std::vector<std::pair<DeviceName, size_t>> low;
};

struct Fixture {
  /// The answer to a call, or a failed test when there was none.
  template <typename T, typename Call>
  Result<T> ask(Call call) {
    std::optional<Result<T>> answer;
    call([&answer](Result<T> result) {
      REQUIRE_FALSE(answer.has_value());
      answer = std::move(result);
    });
    storage.drain();
    REQUIRE(answer.has_value());
    return *std::move(answer);
  }
  Result<size_t> put(const DeviceName& device, const Registration& registration) {
    return ask<size_t>([&](auto done) { directory.put(device, registration, done); });
  }
  Result<size_t> add(const DeviceName& device, std::vector<PreKey> keys) {
    return ask<size_t>([&](auto done) { directory.add(device, std::move(keys), done); });
  }
  Result<std::vector<Bundle>> fetch(const std::string& who, const std::string& user,
                                    std::vector<std::string> names = {}) {
    return ask<std::vector<Bundle>>([&](auto done) { directory.bundles(who, user, std::move(names), done); });
  }
  Result<KeyStatus> status(const DeviceName& device) {
    return ask<KeyStatus>([&](auto done) { directory.status(device, done); });
  }
  Result<KeyDirectory::None> remove(const DeviceName& device) {
    return ask<KeyDirectory::None>([&](auto done) { directory.remove(device, done); });
  }

  static DirectoryLimits limits() {
    DirectoryLimits limits;
    limits.targetFetches = {1, 1000};
    limits.fetches = {1, 1000};
    return limits;
  }

  MemoryStorage storage;
  Listener listener;
  Now now{base::Timestamp::millis(1000), 1'800'000'000'000};
  KeyDirectory directory{storage, limits(), now, listener};
  const DeviceName bob{"bob", "phone"};
};

template <typename T>
ErrorCode codeOf(const Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "Fetchers at once are served by one commit, each with a prekey of its own") {
  REQUIRE(put(bob, knownRegistration(40)) == 40);
  std::set<uint32_t> ids;
  int without = 0;
  for (int i = 0; i < 50; ++i) {
    directory.bundles("user-" + std::to_string(i), "bob", {}, [&](Result<std::vector<Bundle>> bundles) {
      REQUIRE(bundles.has_value());
      const auto& key = bundles->at(0).oneTimePreKey;
      if (key) {
        CHECK(ids.insert(key->id).second);
      } else {
        ++without;
      }
    });
  }
  storage.drain();
  CHECK(ids.size() == 40);
  CHECK(without == 10);
  CHECK(status(bob)->oneTimePreKeyIds.empty());
  CHECK(directory.counters().handedOut == 40);
  CHECK(directory.counters().withoutOneTime == 10);
}

TEST_CASE_METHOD(Fixture, "A prekey whose answer was lost in a crash does not go out again") {
  REQUIRE(put(bob, knownRegistration(5)) == 5);
  directory.bundles("alice", "bob", {}, [](auto) { FAIL("the process is dead"); });
  REQUIRE(storage.drainOne());  // the devices
  REQUIRE(storage.drainOne());  // the prekeys
  storage.crash();              // the commit is done, its answer lost
  Fixture* self = this;
  KeyDirectory again(self->storage, limits(), now, listener);
  std::optional<uint32_t> id;
  again.bundles("alice", "bob", {}, [&](auto bundles) { id = bundles.value().at(0).oneTimePreKey->id; });
  storage.drain();
  CHECK(id == 2);
}

TEST_CASE_METHOD(Fixture,
                 "A fetch whose deletion fails or meets another server's is not answered with that key") {
  REQUIRE(put(bob, knownRegistration(3)) == 3);
  storage.failCommits = 1;
  CHECK(codeOf(fetch("alice", "bob")) == ErrorCode::StorageFailed);
  // Another server takes the first key between our look and our commit.
  KeyDirectory other(storage, limits(), now, listener);
  std::vector<uint32_t> ids;
  for (KeyDirectory* each : {&directory, &other}) {
    each->bundles("alice", "bob", {},
                  [&](auto bundles) { ids.push_back(bundles.value().at(0).oneTimePreKey->id); });
  }
  storage.drain();
  CHECK(ids == std::vector<uint32_t>{1, 2});
}

TEST_CASE_METHOD(Fixture, "Low prekeys are told after each fetch that leaves fewer than the mark") {
  REQUIRE(put(bob, knownRegistration(21)) == 21);
  REQUIRE(fetch("alice", "bob"));
  CHECK(listener.low.empty());
  REQUIRE(fetch("alice", "bob"));
  CHECK(listener.low == std::vector<std::pair<DeviceName, size_t>>{{bob, 19}});
  directory.checkLow(bob);
  directory.checkLow({"nobody", "x"});
  storage.drain();
  CHECK(listener.low.size() == 2);
}

TEST_CASE_METHOD(Fixture, "Rates are bounded for each pair and for each requester, and come back with time") {
  DirectoryLimits strict;
  strict.fetches = {1, 30};
  strict.targetFetches = {5.0 / 60, 20};
  KeyDirectory limited(storage, strict, now, listener);
  REQUIRE(put(bob, knownRegistration(5)) == 5);
  const auto fetchLimited = [&](const std::string& who, const std::string& user) {
    return ask<std::vector<Bundle>>([&](auto done) { limited.bundles(who, user, {}, done); });
  };
  for (int i = 0; i < 20; ++i) REQUIRE(fetchLimited("alice", "bob"));
  const auto refused = fetchLimited("alice", "bob");
  CHECK(codeOf(refused) == ErrorCode::RateLimited);
  CHECK(refused.error().retryAfter == 12);
  CHECK(fetchLimited("carol", "bob"));
  for (int i = 0; i < 10; ++i) CHECK(codeOf(fetchLimited("alice", "nobody")) == ErrorCode::UnknownUser);
  CHECK(codeOf(fetchLimited("alice", "carol")) == ErrorCode::RateLimited);
  now.monotonic = now.monotonic + base::TimeDelta::seconds(12);
  CHECK(fetchLimited("alice", "bob"));
  CHECK(limited.counters().limited == 2);
}

TEST_CASE_METHOD(Fixture, "A registration with another identity empties the mailbox before it is written") {
  REQUIRE(put(bob, knownRegistration(5)) == 5);
  CHECK(listener.emptied == std::vector<DeviceName>{bob});  // a device of that name may have been before
  listener.emptied.clear();
  Registration again = knownRegistration(6);
  REQUIRE(put(bob, again) == 6);
  CHECK(listener.emptied.empty());
  // There is one known signature only, so the other identity is put into storage by hand.
  KeyRecord other{again.identityKey, 1, again.signedPreKey, {}};
  other.identityKey[7] = static_cast<char>(other.identityKey[7] ^ 1);
  storage.commit({{}, {{recordKey(bob), writeRecord(other)}}}, [](CommitResult) {});
  listener.failEmptying = true;
  CHECK(codeOf(put(bob, again)) == ErrorCode::StorageFailed);
  CHECK(status(bob)->registrationId == 1);
  listener.failEmptying = false;
  REQUIRE(put(bob, again) == 6);
  CHECK(status(bob)->registrationId == 4711);
}

TEST_CASE_METHOD(Fixture, "Prekeys that went out are not taken back by repeating the registration") {
  REQUIRE(put(bob, knownRegistration(3)) == 3);
  REQUIRE(fetch("alice", "bob"));
  CHECK(put(bob, knownRegistration(3)) == 2);
  CHECK(status(bob)->oneTimePreKeyIds == std::vector<uint32_t>{2, 3});
  CHECK(codeOf(add(bob, oneTimePreKeys(1, 1))) == ErrorCode::DuplicatePrekey);
  CHECK(codeOf(add(bob, oneTimePreKeys(3, 1))) == ErrorCode::DuplicatePrekey);
  CHECK(add(bob, oneTimePreKeys(4, 2)) == 4);
  Registration changed = knownRegistration(3);
  changed.oneTimePreKeys[1].key[9] = 'x';
  CHECK(codeOf(put(bob, changed)) == ErrorCode::DuplicatePrekey);
  CHECK(status(bob)->oneTimePreKeyIds == std::vector<uint32_t>{2, 3, 4, 5});
}

TEST_CASE_METHOD(Fixture, "Limits on prekeys, on their scatter and on devices hold") {
  REQUIRE(put(bob, knownRegistration(150)) == 150);
  CHECK(codeOf(add(bob, oneTimePreKeys(151, 51))) == ErrorCode::TooLarge);
  CHECK(add(bob, oneTimePreKeys(151, 50)) == 200);
  Registration scattered = knownRegistration(0);
  for (uint32_t i = 0; i < 100; ++i) scattered.oneTimePreKeys.push_back(oneTimePreKeys(1 + 2 * i, 1)[0]);
  CHECK(codeOf(put({"carol", "phone"}, scattered)) == ErrorCode::BadMessage);
  for (int i = 1; i < 16; ++i) REQUIRE(put({"bob", "device-" + std::to_string(i)}, knownRegistration(1)));
  CHECK(codeOf(put({"bob", "one more"}, knownRegistration(1))) == ErrorCode::QuotaExceeded);
  CHECK(put(bob, knownRegistration(1)) == 1);
}

TEST_CASE_METHOD(Fixture, "Signatures that do not verify are refused, at first and when renewing") {
  Registration forged = knownRegistration(1);
  forged.signedPreKey.signature[3] = static_cast<char>(forged.signedPreKey.signature[3] ^ 1);
  CHECK(codeOf(put(bob, forged)) == ErrorCode::BadKey);
  CHECK(storage.waiting() == 0);
  REQUIRE(put(bob, knownRegistration(1)));
  const auto renew = [&](const SignedPreKey& key) {
    return ask<KeyDirectory::None>([&](auto done) { directory.renew(bob, key, done); });
  };
  CHECK(codeOf(renew(forged.signedPreKey)) == ErrorCode::BadKey);
  SignedPreKey renewed = knownRegistration(0).signedPreKey;
  renewed.id = 8;
  CHECK(renew(renewed));
  CHECK(status(bob)->signedPreKeyId == 8);
  CHECK(directory.counters().refusedKeys == 2);
  CHECK(codeOf(ask<KeyDirectory::None>([&](auto done) {
          directory.renew({"nobody", "x"}, renewed, done);
        })) == ErrorCode::UnknownDevice);
}

TEST_CASE_METHOD(Fixture, "A removed device leaves nothing but what its mailbox counts") {
  REQUIRE(put(bob, knownRegistration(10)));
  listener.emptied.clear();
  CHECK(remove(bob));
  CHECK(listener.emptied == std::vector<DeviceName>{bob});
  CHECK(listener.registrations.back() == std::pair(bob, false));
  CHECK(storage.entries() == 0);
  CHECK(codeOf(remove(bob)) == ErrorCode::UnknownDevice);
  CHECK(codeOf(fetch("alice", "bob")) == ErrorCode::UnknownUser);
}

TEST_CASE_METHOD(Fixture, "Users whose names begin alike are kept apart") {
  REQUIRE(put({"bob", "phone"}, knownRegistration(1)));
  REQUIRE(put({"bob b", "phone"}, knownRegistration(2)));
  REQUIRE(put({"bo", "bphone"}, knownRegistration(3)));
  CHECK(fetch("alice", "bob")->size() == 1);
  CHECK(status({"bob", "phone"})->oneTimePreKeyIds.empty());
  CHECK(status({"bob b", "phone"})->oneTimePreKeyIds.size() == 2);
  CHECK(codeOf(fetch("alice", "b")) == ErrorCode::UnknownUser);
}

TEST_CASE("A directory that has gone hears no late answers") {
  MemoryStorage storage;
  Listener listener;
  Now now{base::Timestamp::millis(1000), 0};
  {
    KeyDirectory directory(storage, {}, now, listener);
    directory.devices("bob", [](auto) { FAIL("nobody is there to answer"); });
    directory.bundles("alice", "bob", {}, [](auto) { FAIL("nobody is there to answer"); });
  }
  storage.drain();
  SUCCEED();
}

}  // namespace sotto::signaling
