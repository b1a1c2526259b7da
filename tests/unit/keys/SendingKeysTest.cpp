// Our own media key: when it changes, who gets it, when it is in use.
#include "client/native/e2ee/keys/SendingKeys.hpp"

#include <catch2/catch.hpp>

#include "client/native/e2ee/SuiteCipher.hpp"
#include "tests/unit/keys/KeysTestSupport.hpp"

namespace sotto::client::e2ee {
namespace {

constexpr uint16_t self = 7;

/// A sender in a call with some members, driven by hand.
struct Call {
  base::SeededRandom random{1};
  KeyActions actions;
  SendingKeys keys{random, frame::Suite::Duo, actions};

  explicit Call(const std::vector<std::string>& members = {}) {
    for (const std::string& member : members) keys.add(device(member), true, at(0));
    keys.start(self, at(0));
    for (const std::string& member : members) keys.receipt(device(member), 1, at(0));
    actions.clear();
  }
  KeyActions take() { return std::exchange(actions, {}); }
  KeyActions time(int64_t ms) {
    keys.onTime(at(ms));
    return take();
  }
  void receipts(const std::vector<std::string>& members, int64_t ms) {
    for (const std::string& member : members) {
      keys.receipt(device(member), keys.reports().back().number, at(ms));
    }
  }
};

std::vector<DeviceId> devices(const std::vector<std::string>& users) {
  std::vector<DeviceId> all;
  for (const std::string& user : users) all.push_back(device(user));
  return all;
}

/// The id that is in use after these actions, if they changed it.
std::optional<KeyId> used(const KeyActions& actions) {
  const auto uses = only<UseKey>(actions);
  return uses.empty() ? std::nullopt : std::optional(uses.back()->key.id);
}

}  // namespace

TEST_CASE("The first key goes to all members and into the mailboxes of the invited, and is in use at once") {
  Call call;
  call.keys.reset();
  call.keys.add(device("bob"), true, at(0));
  call.keys.add(device("carol"), true, at(0));
  call.keys.add(device("dave"), false, at(0));
  call.keys.start(self, at(0));
  const KeyActions actions = call.take();
  const auto sends = only<SendKey>(actions);
  REQUIRE(sends.size() == 2);
  CHECK(sends[0]->to == devices({"bob", "carol"}));
  CHECK_FALSE(sends[0]->store);
  CHECK(sends[1]->to == devices({"dave"}));
  CHECK(sends[1]->store);
  REQUIRE(used(actions) == KeyId{self, 0, 0});
  CHECK(only<UseKey>(actions)[0]->key.secret.equals(sends[0]->key.secret.view()));
  CHECK(sends[0]->key.secret.size() == 32);
}

TEST_CASE("A join is a ratchet step after the coalescing time, sent to the newcomer alone") {
  Call call({"bob", "carol"});
  call.keys.onTime(at(999));
  call.keys.add(device("dave"), true, at(1'000));
  CHECK(call.keys.nextDeadline() == at(1'250));
  CHECK(call.time(1'249).empty());
  const KeyActions actions = call.time(1'250);
  const auto sends = only<SendKey>(actions);
  REQUIRE(sends.size() == 1);
  CHECK(sends[0]->to == devices({"dave"}));
  CHECK(used(actions) == KeyId{self, 0, 1});
  CHECK(only<ForceKeyFrame>(actions).size() == 1);
  CHECK(call.keys.reports().back().reason == RotationReport::Reason::Join);
}

TEST_CASE("A ratchet step is what everybody else derives") {
  Call call;
  call.keys.reset();
  call.keys.start(self, at(0));
  const SecretBytes first = only<UseKey>(call.actions).back()->key.secret.clone();
  call.take();
  call.keys.add(device("bob"), true, at(0));
  const KeyActions actions = call.time(250);
  CHECK(only<SendKey>(actions)[0]->key.secret.equals(ratchetKey(first.view()).view()));
}

TEST_CASE("A leave draws a fresh key, in use once all who remain have acknowledged") {
  Call call({"bob", "carol", "dave"});
  const auto before = call.keys.liveKey();
  call.keys.remove(device("dave"), at(1'000));
  KeyActions actions = call.time(1'250);
  REQUIRE(only<SendKey>(actions).size() == 1);
  CHECK(only<SendKey>(actions)[0]->to == devices({"bob", "carol"}));
  CHECK_FALSE(used(actions));
  CHECK(call.keys.liveKey() == before);
  call.receipts({"bob"}, 1'400);
  CHECK_FALSE(used(call.take()));
  call.receipts({"carol"}, 1'500);
  actions = call.take();
  CHECK(used(actions) == KeyId{self, 1, 0});
  CHECK(only<ForceKeyFrame>(actions).size() == 1);
  const RotationReport& report = call.keys.reports().back();
  CHECK(report.reason == RotationReport::Reason::Leave);
  CHECK(report.drawnAt == at(1'250));
  CHECK(report.liveAt == at(1'500));
  CHECK(report.receipts.at(device("bob")) == at(1'400));
  REQUIRE(report.removed.size() == 1);
  CHECK(report.removed[0].device == device("dave"));
  CHECK(report.removed[0].knownAt == at(1'000));
}

TEST_CASE("Without a receipt the fresh key is in use five seconds after the removal was known") {
  Call call({"bob", "carol"});
  call.keys.remove(device("carol"), at(1'000));
  call.time(1'250);
  CHECK(call.keys.nextDeadline() == at(6'000));
  CHECK_FALSE(used(call.time(5'999)));
  CHECK(used(call.time(6'000)) == KeyId{self, 1, 0});
  CHECK(call.keys.reports().back().missingReceipts() == 1);
}

TEST_CASE("When the last one has left, the fresh key waits for nobody") {
  Call call({"bob"});
  call.keys.remove(device("bob"), at(1'000));
  const KeyActions actions = call.time(1'250);
  CHECK(only<SendKey>(actions).empty());
  CHECK(used(actions) == KeyId{self, 1, 0});
}

TEST_CASE("Changes within the coalescing time make one rotation, fresh if anybody left") {
  Call call({"bob", "carol"});
  call.keys.add(device("dave"), true, at(1'000));
  call.keys.add(device("erin"), true, at(1'100));
  call.keys.remove(device("carol"), at(1'200));
  const KeyActions actions = call.time(1'250);
  REQUIRE(only<SendKey>(actions).size() == 1);
  CHECK(only<SendKey>(actions)[0]->to == devices({"bob", "dave", "erin"}));
  CHECK(call.keys.reports().size() == 2);
  INFO("newcomers are not waited for");
  call.receipts({"bob"}, 1'300);
  CHECK(used(call.take()) == KeyId{self, 1, 0});
}

TEST_CASE("Who comes and goes within the coalescing time changes nothing") {
  Call call({"bob"});
  call.keys.add(device("carol"), true, at(1'000));
  call.keys.remove(device("carol"), at(1'100));
  CHECK(call.time(2'000).empty());
  CHECK_FALSE(call.keys.hasWaiting());
  CHECK(call.keys.liveKey() == KeyId{self, 0, 0});
}

TEST_CASE("Who leaves and comes back within the coalescing time gets the fresh key") {
  Call call({"bob", "carol"});
  call.keys.remove(device("carol"), at(1'000));
  call.keys.add(device("carol"), true, at(1'100));
  const KeyActions actions = call.time(1'250);
  REQUIRE(only<SendKey>(actions).size() == 1);
  CHECK(only<SendKey>(actions)[0]->to == devices({"bob", "carol"}));
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{self, 1, 0});
}

TEST_CASE("While a key is pending, removals wait, and are honoured within five seconds each") {
  Call call({"bob", "carol", "dave", "erin"});
  call.keys.remove(device("erin"), at(0));
  call.time(250);
  call.keys.remove(device("dave"), at(1'000));
  CHECK(call.keys.hasPending());
  CHECK(call.keys.hasWaiting());
  INFO("dave has got the pending key, so it goes live early, to make room");
  CHECK(call.keys.nextDeadline() == at(3'000));
  CHECK(used(call.time(3'000)) == KeyId{self, 1, 0});
  CHECK(call.keys.hasPending());
  CHECK_FALSE(call.keys.hasWaiting());
  call.keys.remove(device("carol"), at(3'500));
  CHECK(used(call.time(5'500)) == KeyId{self, 2, 0});
  CHECK(used(call.time(8'499)) == std::nullopt);
  CHECK(used(call.time(8'500)) == KeyId{self, 3, 0});
  for (const RotationReport& report : call.keys.reports()) {
    for (const RotationReport::Removed& removed : report.removed) {
      CHECK(*report.liveAt - removed.knownAt <= SendingKeys::liveWithin);
    }
  }
}

TEST_CASE("A removal while a key is pending does not wait for the removed device's receipt") {
  Call call({"bob", "carol", "dave"});
  call.keys.remove(device("dave"), at(0));
  call.time(250);
  call.receipts({"bob"}, 300);
  call.take();
  call.keys.remove(device("carol"), at(400));
  CHECK(used(call.take()) == KeyId{self, 1, 0});
  INFO("the next is drawn when its own coalescing time is over");
  CHECK(call.keys.nextDeadline() == at(650));
  CHECK(only<SendKey>(call.time(650))[0]->key.id == KeyId{self, 2, 0});
}

TEST_CASE("Who joins while a key is pending is sent that key and is not waited for") {
  Call call({"bob", "carol"});
  call.keys.remove(device("carol"), at(0));
  call.time(250);
  call.keys.add(device("dave"), true, at(300));
  const KeyActions actions = call.take();
  REQUIRE(only<SendKey>(actions).size() == 1);
  CHECK(only<SendKey>(actions)[0]->to == devices({"dave"}));
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{self, 1, 0});
  call.receipts({"bob"}, 400);
  CHECK(used(call.take()) == KeyId{self, 1, 0});
  CHECK(call.time(10'000).empty());
}

TEST_CASE("After 255 ratchet steps the next join draws a fresh key") {
  Call call({"bob"});
  int64_t now = 0;
  for (int i = 0; i < 255; ++i) {
    call.keys.add(device("guest" + std::to_string(i)), true, at(now));
    call.time(now + 250);
    now += 1'000;
  }
  CHECK(call.keys.liveKey() == KeyId{self, 0, 255});
  call.keys.add(device("one more"), true, at(now));
  const KeyActions actions = call.time(now + 250);
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{self, 1, 0});
  CHECK(only<SendKey>(actions)[0]->to.size() == 257);
  CHECK(call.keys.reports().back().reason == RotationReport::Reason::Exhausted);
}

TEST_CASE("A device that asks is answered with the key in use, at most once a second") {
  Call call({"bob"});
  call.keys.asked(device("bob"), at(1'000));
  KeyActions actions = call.take();
  REQUIRE(only<SendKey>(actions).size() == 1);
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{self, 0, 0});
  call.keys.asked(device("bob"), at(1'999));
  CHECK(call.take().empty());
  call.keys.asked(device("bob"), at(2'000));
  CHECK(only<SendKey>(call.take()).size() == 1);
}

TEST_CASE("A device that asks while a key is pending is given both") {
  Call call({"bob", "carol"});
  call.keys.remove(device("carol"), at(0));
  call.time(250);
  call.keys.asked(device("bob"), at(1'000));
  const KeyActions actions = call.take();
  REQUIRE(only<SendKey>(actions).size() == 2);
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{self, 0, 0});
  CHECK(only<SendKey>(actions)[1]->key.id == KeyId{self, 1, 0});
}

TEST_CASE("A newcomer that asks before the ratchet is not given the key from before it") {
  Call call({"bob"});
  call.keys.add(device("mallory"), true, at(1'000));
  call.keys.asked(device("mallory"), at(1'100));
  CHECK(only<SendKey>(call.take()).empty());
  CHECK(only<SendKey>(call.time(1'250))[0]->key.id == KeyId{self, 0, 1});
}

TEST_CASE("A newcomer that asks while a key is pending is given that one alone") {
  Call call({"bob", "carol"});
  call.keys.remove(device("carol"), at(0));
  call.time(250);
  call.keys.add(device("mallory"), true, at(300));
  call.take();
  call.keys.asked(device("mallory"), at(400));
  const KeyActions actions = call.take();
  REQUIRE(only<SendKey>(actions).size() == 1);
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{self, 1, 0});
}

TEST_CASE("Strangers, the invited and the removed are not answered") {
  Call call({"bob", "carol"});
  call.keys.add(device("dave"), false, at(0));
  call.time(250);
  call.keys.remove(device("carol"), at(1'000));
  for (const char* user : {"mallory", "dave", "carol"}) {
    INFO(user);
    call.keys.asked(device(user), at(1'100));
    CHECK(call.take().empty());
  }
}

TEST_CASE("What could not be delivered is sent again, at growing intervals, until acknowledged") {
  Call call({"bob", "carol"});
  call.keys.remove(device("carol"), at(0));
  call.time(250);
  const uint64_t rotation = call.keys.reports().back().number;
  int64_t now = 250;
  for (const int64_t wait : {500, 1'000, 2'000}) {
    call.keys.undelivered(device("bob"), rotation, /*forGood=*/false, at(now));
    CHECK(only<SendKey>(call.time(now + wait - 1)).empty());
    CHECK(only<SendKey>(call.time(now + wait)).size() == 1);
    now += wait;
  }
  call.keys.undelivered(device("bob"), rotation, /*forGood=*/false, at(now));
  call.keys.receipt(device("bob"), rotation, at(now + 1));
  CHECK(used(call.take()) == KeyId{self, 1, 0});
  CHECK(only<SendKey>(call.time(now + 10'000)).empty());
}

TEST_CASE("A device that can never be reached is not waited for") {
  Call call({"bob", "carol", "dave"});
  call.keys.remove(device("dave"), at(0));
  call.time(250);
  call.keys.undelivered(device("carol"), call.keys.reports().back().number, /*forGood=*/true, at(260));
  call.receipts({"bob"}, 300);
  CHECK(used(call.take()) == KeyId{self, 1, 0});
}

TEST_CASE("Later rotations do not wait for it either, until it has acknowledged a key after all") {
  Call call({"bob", "carol"});
  call.keys.undelivered(device("carol"), 1, /*forGood=*/true, at(0));
  INFO("its receipt came before: it is not what this was about");
  call.keys.add(device("dave"), true, at(0));
  call.time(250);
  call.keys.undelivered(device("dave"), call.keys.reports().back().number, /*forGood=*/true, at(260));
  call.keys.remove(device("carol"), at(1'000));
  call.time(1'250);
  call.receipts({"bob"}, 1'300);
  CHECK(used(call.take()) == KeyId{self, 1, 0});
  call.receipts({"dave"}, 1'400);
  call.keys.add(device("erin"), true, at(2'000));
  call.time(2'250);
  call.keys.remove(device("erin"), at(3'000));
  call.time(3'250);
  call.receipts({"bob"}, 3'300);
  CHECK_FALSE(used(call.take()));
  call.receipts({"dave"}, 3'310);
  CHECK(used(call.take()) == KeyId{self, 2, 0});
}

TEST_CASE("Who was out of reach and is back is sent what it has not acknowledged") {
  Call call({"bob", "carol", "dave"});
  call.keys.back(device("bob"), at(100));
  CHECK(call.take().empty());
  call.keys.remove(device("dave"), at(1'000));
  call.time(1'250);
  call.keys.back(device("bob"), at(1'300));
  const KeyActions actions = call.take();
  REQUIRE(only<SendKey>(actions).size() == 1);
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{self, 1, 0});
}

TEST_CASE("Receipts of strangers, for other rotations, or twice, change nothing") {
  Call call({"bob", "carol", "dave"});
  call.keys.remove(device("dave"), at(0));
  call.time(250);
  const uint64_t rotation = call.keys.reports().back().number;
  call.keys.receipt(device("mallory"), rotation, at(300));
  call.keys.receipt(device("bob"), rotation, at(310));
  call.keys.receipt(device("bob"), rotation, at(320));
  call.keys.receipt(device("carol"), rotation - 1, at(330));
  call.keys.receipt(device("carol"), rotation + 1, at(340));
  call.keys.receipt(device("dave"), rotation, at(350));
  CHECK(call.take().empty());
  CHECK(call.keys.reports().back().receipts.at(device("bob")) == at(310));
}

TEST_CASE("An invited device that joins keeps nothing from being a ratchet") {
  Call call({"bob"});
  call.keys.add(device("carol"), false, at(0));
  call.time(250);
  call.receipts({"carol"}, 300);
  SECTION("first off the list of the invited, then in the roster") {
    call.keys.remove(device("carol"), at(1'000));
    call.keys.add(device("carol"), true, at(1'010));
  }
  SECTION("in the roster at once") {
    call.keys.add(device("carol"), true, at(1'000));
  }
  call.time(1'260);
  CHECK(call.keys.liveKey() == KeyId{self, 0, 2});
}

TEST_CASE("An invited device that joins and leaves at once does not keep the key that it was sent") {
  Call call({"bob"});
  call.keys.add(device("carol"), false, at(0));
  call.time(250);
  call.receipts({"carol"}, 300);
  call.keys.remove(device("carol"), at(1'000));
  call.keys.add(device("carol"), true, at(1'010));
  call.keys.remove(device("carol"), at(1'100));
  const KeyActions actions = call.time(1'350);
  REQUIRE(only<SendKey>(actions).size() == 1);
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{self, 1, 0});
}

TEST_CASE("An invitation that is taken back draws a fresh key") {
  Call call({"bob"});
  call.keys.add(device("carol"), false, at(0));
  call.time(250);
  call.keys.remove(device("carol"), at(1'000));
  const KeyActions actions = call.time(1'250);
  REQUIRE(only<SendKey>(actions).size() == 1);
  CHECK(only<SendKey>(actions)[0]->key.id == KeyId{self, 1, 0});
}

}  // namespace sotto::client::e2ee
