// What a device keeps: written and read back, refused when damaged, and no ciphertext without a receipt.
#include <catch2/catch.hpp>

#include "tests/unit/signal/SignalTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;
using namespace sotto::e2ee::signal::test;

namespace {

class FailingStorage final : public DeviceStorage {
 protected:
  base::Expected<void> write(base::ByteView) override { return base::fail("the disk is full"); }
};

void settle(TestDevice& alice, TestDevice& bob) {
  REQUIRE(alice.store.begin(bob.name(), bob.bundle(), alice.random));
  REQUIRE(bob.open(alice, alice.seal(bob, "1")) == "1");
  REQUIRE(alice.open(bob, bob.seal(alice, "2")) == "2");
}

}  // namespace

TEST_CASE("a ciphertext is released against a receipt from after it, and of its own store") {
  TestDevice alice("alice", 1), bob("bob", 2);
  settle(alice, bob);
  const StoreReceipt before = alice.storage.save(alice.store).value();
  auto first = alice.store.encrypt(bob.name(), bytesOf("x")).value();
  CHECK(!std::move(first).release(before));

  auto second = alice.store.encrypt(bob.name(), bytesOf("x")).value();
  for (int i = 0; i < 5; ++i) bob.store.setSection("a", bytesOf("b"));
  CHECK(!std::move(second).release(bob.storage.save(bob.store).value()));

  auto third = alice.store.encrypt(bob.name(), bytesOf("third")).value();
  auto fourth = alice.store.encrypt(bob.name(), bytesOf("fourth")).value();
  CHECK(!FailingStorage().save(alice.store));
  // One receipt for all that is pending.
  const StoreReceipt receipt = alice.storage.save(alice.store).value();
  const auto released = std::move(third).release(receipt);
  REQUIRE(released);
  CHECK(bob.open(alice, *released) == "third");
  CHECK(bob.open(alice, std::move(fourth).release(receipt).value()) == "fourth");
}

TEST_CASE("a device that goes on from its stored state uses no message key again") {
  TestDevice alice("alice", 1), bob("bob", 2);
  settle(alice, bob);
  const auto sent = alice.seal(bob, "released");
  // It dies here; whatever it had sealed after that save was never released.
  const auto lost = alice.store.encrypt(bob.name(), bytesOf("never released"));
  REQUIRE(lost);
  alice.store = DeviceStore::deserialize(alice.storage.state).value();
  const auto after = alice.seal(bob, "after");
  CHECK(bob.open(alice, sent) == "released");
  CHECK(bob.open(alice, after) == "after");
}

TEST_CASE("a session that was never answered ends after thirty days, and one that was answered does not") {
  constexpr uint64_t begun = 1'700'000'000, days = 24 * 3600;
  TestDevice alice("alice", 1), bob("bob", 2), carol("carol", 3);
  settle(alice, carol);
  alice.store.setTime(begun);
  REQUIRE(alice.store.begin(bob.name(), bob.bundle(), alice.random));
  const auto early = alice.seal(bob, "is anybody there");
  alice.store.setTime(begun + 29 * days);
  // What is asked is the beginning, not the last message or the last start of the program.
  alice.store = DeviceStore::deserialize(alice.store.serialize().view()).value();
  alice.store.setTime(begun + 30 * days);
  CHECK(alice.store.hasSession(bob.name()));
  const uint64_t revision = alice.store.revision();
  SECTION("unanswered") {
    alice.store.setTime(begun + 30 * days + 1);
    CHECK_FALSE(alice.store.hasSession(bob.name()));
    CHECK(alice.store.revision() > revision);
    CHECK_FALSE(alice.store.encrypt(bob.name(), bytesOf("x")));
    INFO("an answer that comes after all still opens, and is an answer");
    REQUIRE(bob.open(alice, early) == "is anybody there");
    CHECK(alice.open(bob, bob.seal(alice, "at last")) == "at last");
    alice.store.setTime(begun + 100 * days);
    CHECK(alice.store.hasSession(bob.name()));
  }
  SECTION("answered") {
    REQUIRE(bob.open(alice, early) == "is anybody there");
    REQUIRE(alice.open(bob, bob.seal(alice, "yes")) == "yes");
    alice.store.setTime(begun + 1000 * days);
    CHECK(alice.store.hasSession(bob.name()));
  }
  CHECK(alice.store.hasSession(carol.name()));
}

TEST_CASE(
    "where a store has not noted when a session began, or its clock was ahead, thirty days count from now") {
  constexpr uint64_t now = 1'700'000'000, days = 24 * 3600;
  TestDevice alice("alice", 1), bob("bob", 2);
  const uint64_t begun = GENERATE(uint64_t{0}, now + 1000 * days);
  alice.store.setTime(begun);
  REQUIRE(alice.store.begin(bob.name(), bob.bundle(), alice.random));
  alice.store.setTime(now);
  alice.store.setTime(now + 30 * days);
  CHECK(alice.store.hasSession(bob.name()));
  alice.store.setTime(now + 30 * days + 1);
  CHECK_FALSE(alice.store.hasSession(bob.name()));
}

TEST_CASE("a device is read back as it was written") {
  TestDevice alice("alice", 1), bob("bob", 2);
  settle(alice, bob);
  alice.store.setSection("call", bytesOf("what stands above keeps"));
  const auto skipped = bob.seal(alice, "late");
  CHECK(alice.open(bob, bob.seal(alice, "in time")) == "in time");
  const std::string state = alice.state();
  alice.store = DeviceStore::deserialize(fromHex(state)).value();
  CHECK(alice.state() == state);
  CHECK(alice.name() == DeviceName{"alice", "phone"});
  CHECK(toHex(alice.store.section("call")) == toHex(bytesOf("what stands above keeps")));
  CHECK(alice.store.section("none").empty());
  CHECK(alice.store.keys().oneTimePreKeys().size() == KeyStore::fullOneTimePreKeys);
  CHECK(alice.open(bob, skipped) == "late");
  CHECK(bob.open(alice, alice.seal(bob, "x")) == "x");
  alice.store.setSection("call", {});
  CHECK(alice.store.section("call").empty());
}

TEST_CASE("every truncation of a stored device is refused") {
  TestDevice alice("alice", 1), bob("bob", 2);
  settle(alice, bob);
  const Bytes good = fromHex(alice.state());
  REQUIRE(DeviceStore::deserialize(good));
  // The hundred prekeys in the middle are all alike: look closely at both ends.
  for (size_t size = 0; size<good.size(); size += size> 300 && size + 900 < good.size() ? 101 : 1) {
    INFO(size << " bytes");
    CHECK(!DeviceStore::deserialize(base::ByteView(good).first(size)));
  }
  Bytes longer = good;
  longer.push_back(0);
  CHECK(!DeviceStore::deserialize(longer));
  Bytes otherVersion = good;
  otherVersion[0] = 2;
  CHECK(DeviceStore::deserialize(otherVersion).error() == SignalError::UnsupportedVersion);
}

TEST_CASE("ids of one-time prekeys go on, wrap at 2^24 - 1, and old ones are dropped") {
  base::SeededRandom random(4);
  KeyStore keys = KeyStore::create(random, 0);
  CHECK(keys.registrationId() >= 1);
  CHECK(keys.registrationId() <= KeyStore::maxRegistrationId);
  // Written with the next id set to the last one.
  StateWriter out;
  keys.write(out);
  Bytes bytes(out.written().begin(), out.written().end());
  base::storeU32(&bytes[bytes.size() - 4], KeyStore::maxPreKeyId);
  StateReader in(bytes);
  keys = KeyStore::read(in).value();
  const auto made = keys.createOneTimePreKeys(3, random);
  CHECK(made[0].id == KeyStore::maxPreKeyId);
  CHECK(made[1].id == 1);
  CHECK(made[2].id == 2);
  keys.createOneTimePreKeys(KeyStore::maxOneTimePreKeys - 1, random);
  CHECK(keys.oneTimePreKeys().size() == KeyStore::maxOneTimePreKeys);
  CHECK(keys.findOneTimePreKey(made[1].id) == nullptr);
  REQUIRE(keys.findOneTimePreKey(made[2].id) != nullptr);
  CHECK(keys.findOneTimePreKey(made[2].id)->publicKey == made[2].key);
}
