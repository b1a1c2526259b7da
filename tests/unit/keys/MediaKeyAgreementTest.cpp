// Who is there, whom we trust, and what that means for keys in both directions.
#include "client/native/e2ee/keys/MediaKeyAgreement.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/unit/keys/KeysTestSupport.hpp"

namespace sotto::client::e2ee {
namespace {

/// Alice, number 1, in a call with bob (2) and carol (3) who have her first key.
struct Call {
  base::SeededRandom random{1};
  MediaKeyAgreement keys{random, frame::Suite::Duo};

  Call() {
    keys.joined(1, {{2, device("bob")}, {3, device("carol")}}, at(0));
    keys.receipt(device("bob"), 1, at(0));
    keys.receipt(device("carol"), 1, at(0));
    keys.takeActions();
  }
  KeyActions time(int64_t ms) {
    keys.onTime(at(ms));
    return keys.takeActions();
  }
};

std::vector<DeviceId> recipients(const KeyActions& actions) {
  std::vector<DeviceId> all;
  for (const SendKey* send : only<SendKey>(actions)) all.insert(all.end(), send->to.begin(), send->to.end());
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

TEST_CASE("Joining draws a key for everybody but ourselves") {
  base::SeededRandom random(1);
  MediaKeyAgreement keys(random, frame::Suite::Aes128Gcm);
  keys.joined(1, {{1, device("alice")}, {2, device("bob")}}, at(0));
  const KeyActions actions = keys.takeActions();
  CHECK(recipients(actions) == std::vector<DeviceId>{device("bob")});
  CHECK(only<SendKey>(actions)[0]->key.suite == frame::Suite::Aes128Gcm);
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{1, 0, 0});
}

TEST_CASE("Joining anew begins with a new key under the new number, and forgets all of the others") {
  Call call;
  call.keys.keyArrived(device("bob"), mediaKey({2, 0, 0}, 1), at(1));
  call.keys.takeActions();
  call.keys.joined(9, {{2, device("bob")}}, at(1'000));
  const KeyActions actions = call.keys.takeActions();
  CHECK(only<RemoveKeys>(actions).size() == 2);
  REQUIRE(only<UseKey>(actions).size() == 1);
  CHECK(only<UseKey>(actions)[0]->key.id == KeyId{9, 0, 0});
  CHECK(recipients(actions) == std::vector<DeviceId>{device("bob")});
}

TEST_CASE("The invited are sent the key, and those who have just come off the list by joining lose nothing") {
  Call call;
  call.keys.setInvited({device("dave"), device("erin")}, at(100));
  KeyActions actions = call.time(350);
  CHECK(recipients(actions) == std::vector<DeviceId>{device("dave"), device("erin")});
  CHECK(only<SendKey>(actions)[0]->store);
  INFO("dave joins: the server strikes him off the list, in whatever order");
  const bool rosterFirst = GENERATE(true, false);
  if (rosterFirst) call.keys.memberJoined({4, device("dave")}, at(1'000));
  call.keys.setInvited({device("erin")}, at(1'005));
  if (!rosterFirst) call.keys.memberJoined({4, device("dave")}, at(1'010));
  actions = call.time(1'300);
  REQUIRE(only<UseKey>(actions).size() == 1);
  CHECK(only<UseKey>(actions)[0]->key.id == KeyId{1, 0, 2});
  CHECK(recipients(actions) == std::vector<DeviceId>{device("dave")});
}

TEST_CASE("A device that joins anew before its old session is gone is sent the key again") {
  Call call;
  call.keys.memberJoined({4, device("bob")}, at(0));
  call.keys.memberLeft(2, at(10));
  const KeyActions actions = call.time(300);
  CHECK(recipients(actions) == std::vector<DeviceId>{device("bob")});
  CHECK(only<UseKey>(actions)[0]->key.id == KeyId{1, 0, 1});
  call.keys.keyArrived(device("bob"), mediaKey({4, 0, 0}, 1), at(310));
  CHECK(only<InstallKey>(call.keys.takeActions()).size() == 1);
}

TEST_CASE("A device whose identity has changed gets no key and none is taken from it, until accepted") {
  Call call;
  call.keys.block(device("bob"), at(1'000));
  KeyActions actions = call.time(1'250);
  INFO("whoever had the old identity had our key");
  CHECK(recipients(actions) == std::vector<DeviceId>{device("carol")});
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{1, 1, 0});
  call.keys.receipt(device("carol"), call.keys.sending().reports().back().number, at(1'260));
  call.keys.keyArrived(device("bob"), mediaKey({2, 1, 0}, 1), at(2'000));
  call.keys.keyAsked(device("bob"), {1, 1, 0}, at(2'000));
  actions = call.keys.takeActions();
  CHECK(only<InstallKey>(actions).empty());
  CHECK(only<SendKey>(actions).empty());

  call.keys.accept(device("bob"), at(3'000));
  call.keys.keyArrived(device("bob"), mediaKey({2, 1, 0}, 1), at(3'001));
  actions = call.time(3'250);
  CHECK(recipients(actions) == std::vector<DeviceId>{device("bob")});
  CHECK(only<InstallKey>(actions).size() == 1);
}

TEST_CASE("A blocked device that joins is sent nothing") {
  Call call;
  call.keys.block(device("mallory"), at(0));
  call.keys.memberJoined({4, device("mallory")}, at(0));
  call.keys.setInvited({device("mallory")}, at(0));
  call.keys.keyArrived(device("mallory"), mediaKey({4, 0, 0}, 1), at(1));
  CHECK(call.time(10'000).empty());
}

TEST_CASE("Only members are answered, and only about our own key") {
  Call call;
  call.keys.keyAsked(device("mallory"), {1, 0, 0}, at(0));
  call.keys.keyAsked(device("bob"), {3, 0, 0}, at(0));
  CHECK(call.keys.takeActions().empty());
  call.keys.keyAsked(device("bob"), {1, 9, 9}, at(0));
  CHECK(recipients(call.keys.takeActions()) == std::vector<DeviceId>{device("bob")});
}

TEST_CASE("A sender number that passes to another device takes no keys along") {
  Call call;
  call.keys.keyArrived(device("bob"), mediaKey({2, 0, 0}, 1), at(0));
  call.keys.takeActions();
  call.keys.memberJoined({2, device("mallory")}, at(10));
  const KeyActions actions = call.time(260);
  CHECK(only<RemoveKeys>(actions).size() == 1);
  CHECK(recipients(actions) == std::vector<DeviceId>{device("carol"), device("mallory")});
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{1, 1, 0});
}

}  // namespace sotto::client::e2ee
