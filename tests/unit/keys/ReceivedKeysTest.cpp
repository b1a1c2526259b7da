// The keys of others: which are taken, how long they stay, and when one is asked for.
#include "client/native/e2ee/keys/ReceivedKeys.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/keys/KeysTestSupport.hpp"

namespace sotto::client::e2ee {
namespace {

constexpr uint16_t bobs = 3;

struct Keys {
  KeyActions actions;
  ReceivedKeys keys{actions};
  Keys() { keys.present(bobs, device("bob"), at(0)); }
  KeyActions take() { return std::exchange(actions, {}); }
  KeyActions time(int64_t ms) {
    keys.onTime(at(ms));
    return take();
  }
};

}  // namespace

TEST_CASE("A key is taken from the device that has the number, and from no other") {
  Keys call;
  call.keys.arrived(device("mallory"), mediaKey({bobs, 0, 0}, 1), at(0));
  call.keys.arrived({"bob", "another phone"}, mediaKey({bobs, 0, 0}, 1), at(0));
  CHECK(call.take().empty());
  call.keys.arrived(device("bob"), mediaKey({bobs, 0, 0}, 2), at(0));
  const KeyActions actions = call.take();
  REQUIRE(only<InstallKey>(actions).size() == 1);
  CHECK(only<InstallKey>(actions)[0]->key.id == KeyId{bobs, 0, 0});
  CHECK(only<InstallKey>(actions)[0]->key.secret.view()[0] == 2);
}

TEST_CASE("A key of the wrong length, or of sender 0, is not taken") {
  Keys call;
  call.keys.present(0, device("bob"), at(0));
  call.keys.arrived(device("bob"), mediaKey({0, 0, 0}, 1), at(0));
  MediaKey shorter = mediaKey({bobs, 0, 0}, 1);
  shorter.secret = SecretBytes(31);
  call.keys.arrived(device("bob"), std::move(shorter), at(0));
  CHECK(call.take().empty());
}

TEST_CASE("A key that comes before its sender is kept a minute, for its own device only") {
  Keys call;
  call.keys.arrived(device("carol"), mediaKey({4, 0, 0}, 1), at(0));
  call.keys.arrived(device("mallory"), mediaKey({4, 0, 0}, 2), at(0));
  SECTION("the device turns out to have the number") {
    call.keys.present(4, device("carol"), at(59'999));
    const KeyActions actions = call.take();
    REQUIRE(only<InstallKey>(actions).size() == 1);
    CHECK(only<InstallKey>(actions)[0]->key.secret.view()[0] == 1);
  }
  SECTION("too late") {
    call.keys.present(4, device("carol"), at(60'000));
    CHECK(call.take().empty());
  }
  SECTION("forgotten when the time is up") {
    CHECK(call.keys.nextDeadline() == at(60'000));
    call.time(60'000);
    CHECK(call.keys.nextDeadline() == base::Timestamp::plusInfinity());
  }
}

TEST_CASE("One device cannot fill the room for early keys") {
  Keys call;
  call.keys.arrived(device("carol"), mediaKey({4, 0, 0}, 1), at(0));
  for (uint16_t i = 0; i < 1'000; ++i) {
    call.keys.arrived(device("mallory"), mediaKey({static_cast<uint16_t>(100 + i), 0, 0}, 2), at(1));
  }
  call.keys.present(4, device("carol"), at(2));
  CHECK(only<InstallKey>(call.take()).size() == 1);
  for (uint16_t i = 0; i < 1'000; ++i) {
    call.keys.present(static_cast<uint16_t>(100 + i), device("mallory"), at(3));
  }
  CHECK(only<InstallKey>(call.take()).size() == ReceivedKeys::maxEarlyOfDevice);
}

TEST_CASE("Old keys stay ten seconds after a newer one has opened a frame") {
  Keys call;
  call.keys.arrived(device("bob"), mediaKey({bobs, 0, 0}, 1), at(0));
  call.keys.arrived(device("bob"), mediaKey({bobs, 1, 0}, 2), at(1'000));
  call.keys.opened({bobs, 0, 0}, at(1'500));
  CHECK(only<RemoveKeys>(call.time(60'000)).empty());
  call.keys.opened({bobs, 1, 0}, at(60'000));
  call.keys.opened({bobs, 1, 0}, at(65'000));
  CHECK(only<RemoveKeys>(call.time(69'999)).empty());
  const KeyActions actions = call.time(70'000);
  REQUIRE(only<RemoveKeys>(actions).size() == 1);
  CHECK(only<RemoveKeys>(actions)[0]->sender == bobs);
  CHECK(only<RemoveKeys>(actions)[0]->generation == 0);
}

TEST_CASE("Of one sender at most four generations are kept") {
  Keys call;
  for (uint8_t generation = 0; generation < 5; ++generation) {
    call.keys.arrived(device("bob"), mediaKey({bobs, generation, 0}, generation), at(generation));
  }
  const KeyActions actions = call.take();
  REQUIRE(only<RemoveKeys>(actions).size() == 1);
  CHECK(only<RemoveKeys>(actions)[0]->generation == 0);
}

TEST_CASE("Generations wrap: 0 after 255 is the newer one") {
  Keys call;
  call.keys.arrived(device("bob"), mediaKey({bobs, 255, 0}, 1), at(0));
  call.keys.arrived(device("bob"), mediaKey({bobs, 0, 0}, 2), at(1));
  call.keys.opened({bobs, 0, 0}, at(2));
  const KeyActions actions = call.time(10'002);
  REQUIRE(only<RemoveKeys>(actions).size() == 1);
  CHECK(only<RemoveKeys>(actions)[0]->generation == 255);
}

TEST_CASE("Who leaves loses all keys") {
  Keys call;
  call.keys.arrived(device("bob"), mediaKey({bobs, 0, 0}, 1), at(0));
  call.take();
  call.keys.gone(bobs);
  const KeyActions actions = call.take();
  REQUIRE(only<RemoveKeys>(actions).size() == 1);
  CHECK_FALSE(only<RemoveKeys>(actions)[0]->generation);
}

TEST_CASE("An unknown key is asked for after a moment, then at growing intervals, eight times") {
  Keys call;
  std::vector<int64_t> asks;
  bool saidWaiting = false;
  for (int64_t now = 0; now < 120'000; now += 10) {
    call.keys.unknown({bobs, 5, 2}, at(now));
    const KeyActions actions = call.time(now);
    for (const auto* ask : only<AskForKey>(actions)) {
      CHECK(ask->of == device("bob"));
      CHECK(ask->key == KeyId{bobs, 5, 2});
      asks.push_back(now);
    }
    for (const auto* waiting : only<WaitingForKeys>(actions)) {
      CHECK_FALSE(saidWaiting);
      CHECK(waiting->waiting);
      saidWaiting = true;
    }
  }
  CHECK(saidWaiting);
  CHECK(asks == std::vector<int64_t>{300, 1'300, 3'300, 7'300, 15'300, 23'300, 31'300, 39'300});
}

TEST_CASE("A key that arrives in time is not asked for, and the waiting ends with the first frame") {
  Keys call;
  call.keys.unknown({bobs, 0, 0}, at(0));
  call.keys.arrived(device("bob"), mediaKey({bobs, 0, 0}, 1), at(200));
  CHECK(only<AskForKey>(call.time(300)).empty());
  CHECK(call.keys.waitingFor(bobs));
  call.keys.opened({bobs, 0, 0}, at(310));
  const KeyActions actions = call.take();
  REQUIRE(only<WaitingForKeys>(actions).size() == 1);
  CHECK_FALSE(only<WaitingForKeys>(actions)[0]->waiting);
  CHECK(only<AskForKey>(call.time(20'000)).empty());
}

TEST_CASE("Frames that name one key after another do not make us ask more often than once a second") {
  Keys call;
  size_t asked = 0;
  for (int64_t now = 0; now < 10'000; now += 10) {
    call.keys.unknown({bobs, static_cast<uint8_t>(now / 10), 0}, at(now));
    asked += only<AskForKey>(call.time(now)).size();
  }
  CHECK(asked <= 10);
}

TEST_CASE("Frames from before we joined are not asked about") {
  Keys call;
  call.keys.arrived(device("bob"), mediaKey({bobs, 0, 3}, 1), at(0));
  call.take();
  call.keys.unknown({bobs, 0, 2}, at(10));
  CHECK(only<AskForKey>(call.time(5'000)).empty());
  CHECK_FALSE(call.keys.waitingFor(bobs));
}

TEST_CASE("A question settles itself when no more such frames come") {
  Keys call;
  call.keys.unknown({bobs, 5, 0}, at(0));
  std::vector<bool> said;
  for (int64_t now = 0; now < 60'000; now += 100) {
    const KeyActions actions = call.time(now);
    for (const auto* waiting : only<WaitingForKeys>(actions)) said.push_back(waiting->waiting);
  }
  CHECK(said == std::vector<bool>{true, false});
}

TEST_CASE("Nobody is asked about senders who are not in the roster") {
  Keys call;
  call.keys.unknown({99, 0, 0}, at(0));
  CHECK(call.time(5'000).empty());
  CHECK_FALSE(call.keys.waitingFor(99));
}

}  // namespace sotto::client::e2ee
