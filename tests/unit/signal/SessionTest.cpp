// Sessions between two devices: order, loss, repetition, simultaneous beginnings, and refusals that change
// nothing.
#include <catch2/catch.hpp>

#include "tests/unit/signal/SignalTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;
using namespace sotto::e2ee::signal::test;

namespace {

using Type = CiphertextMessage::Type;

struct Pair {
  TestDevice alice{"alice", 1};
  TestDevice bob{"bob", 2};

  void begin(bool oneTime = true) {
    REQUIRE(alice.store.begin(bob.name(), bob.bundle(oneTime), alice.random));
  }
  /// Both have heard from each other.
  void settle() {
    begin();
    REQUIRE(bob.open(alice, alice.seal(bob, "hello")) == "hello");
    REQUIRE(alice.open(bob, bob.seal(alice, "hello yourself")) == "hello yourself");
  }
};

/// Opens and checks that the refusal left the device's state as it was.
std::string refusedUnchanged(TestDevice& device, const TestDevice& from, const CiphertextMessage& message) {
  const std::string before = device.state();
  const std::string result = device.open(from, message);
  CHECK(device.state() == before);
  return result;
}

}  // namespace

TEST_CASE("first messages repeat the beginning until the other side has answered") {
  Pair pair;
  pair.begin();
  const auto first = pair.alice.seal(pair.bob, "one");
  const auto second = pair.alice.seal(pair.bob, "two");
  CHECK(first.type == Type::PreKey);
  CHECK(second.type == Type::PreKey);
  // Whichever comes first begins Bob's session.
  CHECK(pair.bob.open(pair.alice, second) == "two");
  CHECK(pair.bob.open(pair.alice, first) == "one");
  const auto answer = pair.bob.seal(pair.alice, "three");
  CHECK(answer.type == Type::Signal);
  CHECK(pair.alice.open(pair.bob, answer) == "three");
  CHECK(pair.alice.seal(pair.bob, "four").type == Type::Signal);
}

TEST_CASE("a one-time prekey serves one session") {
  Pair pair;
  const PreKeyBundle bundle = pair.bob.bundle();
  TestDevice carol("carol", 3);
  REQUIRE(pair.alice.store.begin(pair.bob.name(), bundle, pair.alice.random));
  REQUIRE(carol.store.begin(pair.bob.name(), bundle, carol.random));
  CHECK(pair.bob.open(pair.alice, pair.alice.seal(pair.bob, "first")) == "first");
  CHECK(pair.bob.store.keys().oneTimePreKeys().size() == KeyStore::fullOneTimePreKeys - 1);
  CHECK(refusedUnchanged(pair.bob, carol, carol.seal(pair.bob, "second")) == "!unknown-prekey");
}

TEST_CASE("a session begins without a one-time prekey") {
  Pair pair;
  pair.begin(false);
  CHECK(pair.bob.open(pair.alice, pair.alice.seal(pair.bob, "hello")) == "hello");
  CHECK(pair.bob.store.keys().oneTimePreKeys().size() == KeyStore::fullOneTimePreKeys);
}

TEST_CASE("messages open in any order, each once") {
  Pair pair;
  pair.settle();
  std::vector<CiphertextMessage> messages;
  for (int i = 0; i < 20; ++i) messages.push_back(pair.alice.seal(pair.bob, std::to_string(i)));
  for (const int i : {19, 3, 0, 18, 7, 1}) {
    CHECK(pair.bob.open(pair.alice, messages[static_cast<size_t>(i)]) == std::to_string(i));
  }
  for (const int i : {19, 3, 0, 18, 7, 1}) {
    CHECK(refusedUnchanged(pair.bob, pair.alice, messages[static_cast<size_t>(i)]) == "!duplicate");
  }
}

TEST_CASE("late messages of earlier turns of the ratchet still open") {
  Pair pair;
  pair.settle();
  std::vector<CiphertextMessage> late;
  for (int turn = 0; turn < 4; ++turn) {
    late.push_back(pair.alice.seal(pair.bob, "late " + std::to_string(turn)));
    CHECK(pair.bob.open(pair.alice, pair.alice.seal(pair.bob, "x")) == "x");
    CHECK(pair.alice.open(pair.bob, pair.bob.seal(pair.alice, "y")) == "y");
  }
  for (size_t turn = 0; turn < 4; ++turn) {
    CHECK(pair.bob.open(pair.alice, late[turn]) == "late " + std::to_string(turn));
  }
}

TEST_CASE("the chain of the sixth turn ago is forgotten") {
  Pair pair;
  pair.settle();
  const auto late = pair.alice.seal(pair.bob, "late");
  for (int turn = 0; turn < 6; ++turn) {
    CHECK(pair.bob.open(pair.alice, pair.alice.seal(pair.bob, "x")) == "x");
    CHECK(pair.alice.open(pair.bob, pair.bob.seal(pair.alice, "y")) == "y");
  }
  CHECK(refusedUnchanged(pair.bob, pair.alice, late) == "!invalid-message");
}

TEST_CASE("2,000 skipped messages are kept and the oldest beyond are gone") {
  Pair pair;
  pair.settle();
  std::vector<CiphertextMessage> messages;
  for (int i = 0; i < 2012; ++i) messages.push_back(pair.alice.seal(pair.bob, std::to_string(i)));
  CHECK(pair.bob.open(pair.alice, messages[2010]) == "2010");
  for (size_t i = 0; i < 10; ++i) {
    CHECK(refusedUnchanged(pair.bob, pair.alice, messages[i]) == "!duplicate");
  }
  CHECK(pair.bob.open(pair.alice, messages[10]) == "10");
  CHECK(pair.bob.open(pair.alice, messages[2009]) == "2009");
  CHECK(pair.bob.open(pair.alice, messages[1000]) == "1000");
  CHECK(pair.bob.open(pair.alice, messages[2011]) == "2011");
}

TEST_CASE("a counter 25,000 ahead opens and one more is refused") {
  Pair pair;
  pair.settle();
  // Sealed in the session state itself: a store that is written each time would take minutes here.
  SessionState alice = pair.alice.store.session(pair.bob.name())->current();
  const SessionState bob = pair.bob.store.session(pair.alice.name())->current();
  std::optional<SignalMessage> last;
  std::optional<SignalMessage> beyond;
  for (uint32_t i = 0; i <= SessionState::maxForwardJump + 1; ++i) {
    if (i == SessionState::maxForwardJump)
      last = alice.encrypt(bytesOf("far")).value();
    else if (i > SessionState::maxForwardJump)
      beyond = alice.encrypt(bytesOf("too far")).value();
    else
      REQUIRE(alice.encrypt({}));
  }
  const uint32_t first = last->fields().counter - SessionState::maxForwardJump;
  CHECK(first == 0);
  SessionState copy = bob;
  CHECK(copy.decrypt(*last, pair.bob.random) == bytesOf("far"));
  copy = bob;
  CHECK(copy.decrypt(*beyond, pair.bob.random).error() == SignalError::TooFarAhead);
  const CiphertextMessage message{Type::Signal, {beyond->wire().begin(), beyond->wire().end()}};
  CHECK(refusedUnchanged(pair.bob, pair.alice, message) == "!too-far-ahead");
}

TEST_CASE("in an archived session 2,000 messages may be skipped and one more is refused") {
  Pair pair;
  pair.settle();
  std::vector<CiphertextMessage> sent;
  SessionState alice = pair.alice.store.session(pair.bob.name())->current();
  for (uint32_t i = 0; i <= SessionState::maxArchivedJump + 1; ++i) {
    const auto message = alice.encrypt(bytesOf("late")).value();
    sent.push_back({Type::Signal, {message.wire().begin(), message.wire().end()}});
  }
  pair.bob.store.archiveSession(pair.alice.name());
  CHECK(refusedUnchanged(pair.bob, pair.alice, sent.back()) == "!invalid-message");
  CHECK(pair.bob.open(pair.alice, sent[SessionState::maxArchivedJump]) == "late");
  // It is the current session again.
  CHECK(pair.bob.open(pair.alice, sent.back()) == "late");
}

TEST_CASE("simultaneous beginnings converge on one session") {
  Pair pair;
  pair.begin();
  REQUIRE(pair.bob.store.begin(pair.alice.name(), pair.alice.bundle(), pair.bob.random));
  const auto fromAlice = pair.alice.seal(pair.bob, "a");
  const auto fromBob = pair.bob.seal(pair.alice, "b");
  CHECK(pair.bob.open(pair.alice, fromAlice) == "a");
  CHECK(pair.alice.open(pair.bob, fromBob) == "b");
  for (int i = 0; i < 5; ++i) {
    CHECK(pair.bob.open(pair.alice, pair.alice.seal(pair.bob, "x")) == "x");
    CHECK(pair.alice.open(pair.bob, pair.bob.seal(pair.alice, "y")) == "y");
  }
  const auto baseKey = [](const TestDevice& of, const TestDevice& with) {
    return of.store.session(with.name())->current().beginning().baseKey;
  };
  CHECK(baseKey(pair.alice, pair.bob) == baseKey(pair.bob, pair.alice));
  CHECK(pair.alice.seal(pair.bob, "z").type == Type::Signal);
}

TEST_CASE("messages of an archived session open, and it becomes the current one") {
  Pair pair;
  pair.settle();
  const auto late = pair.alice.seal(pair.bob, "late");
  // Bob starts over; Alice's message was on its way.
  REQUIRE(pair.bob.store.begin(pair.alice.name(), pair.alice.bundle(), pair.bob.random));
  CHECK(pair.bob.store.session(pair.alice.name())->archived().size() == 1);
  CHECK(pair.bob.open(pair.alice, late) == "late");
  CHECK(pair.bob.seal(pair.alice, "in the old session").type == Type::Signal);
}

TEST_CASE("40 earlier sessions are kept, and what was sent in an older one is lost") {
  Pair pair;
  std::vector<CiphertextMessage> late;
  for (size_t i = 0; i < SessionRecord::maxArchived + 2; ++i) {
    pair.begin(false);
    REQUIRE(pair.bob.open(pair.alice, pair.alice.seal(pair.bob, "first")) == "first");
    REQUIRE(pair.alice.open(pair.bob, pair.bob.seal(pair.alice, "answer")) == "answer");
    late.push_back(pair.alice.seal(pair.bob, "late " + std::to_string(i)));
    REQUIRE(late.back().type == Type::Signal);
  }
  CHECK(pair.bob.store.session(pair.alice.name())->archived().size() == SessionRecord::maxArchived);
  CHECK(refusedUnchanged(pair.bob, pair.alice, late[0]) == "!invalid-message");
  CHECK(pair.bob.open(pair.alice, late[1]) == "late 1");
  CHECK(pair.bob.store.session(pair.alice.name())->archived().size() == SessionRecord::maxArchived);
  CHECK(pair.bob.open(pair.alice, late[2]) == "late 2");
}

TEST_CASE("an archived session is sent in no more") {
  Pair pair;
  pair.settle();
  pair.alice.store.archiveSession(pair.bob.name());
  CHECK(!pair.alice.store.hasSession(pair.bob.name()));
  CHECK(pair.alice.store.encrypt(pair.bob.name(), bytesOf("x")).error() == SignalError::NoSession);
  CHECK(pair.alice.open(pair.bob, pair.bob.seal(pair.alice, "late")) == "late");
  CHECK(pair.alice.store.hasSession(pair.bob.name()));
}

TEST_CASE("a changed identity is refused until it is accepted") {
  Pair pair;
  pair.settle();
  TestDevice imposter("bob", 77);
  const std::string before = pair.alice.state();
  CHECK(pair.alice.store.begin(pair.bob.name(), imposter.bundle(), pair.alice.random).error() ==
        SignalError::UntrustedIdentity);
  CHECK(pair.alice.state() == before);
  REQUIRE(imposter.store.begin(pair.alice.name(), pair.alice.bundle(), imposter.random));
  const auto message = imposter.seal(pair.alice, "it is really me");
  CHECK(refusedUnchanged(pair.alice, imposter, message) == "!untrusted-identity");
  const PublicKey identity = imposter.store.keys().identity().publicKey;
  CHECK(pair.alice.store.trust(pair.bob.name(), identity) == Trust::Changed);

  pair.alice.store.pin(pair.bob.name(), identity);
  CHECK(!pair.alice.store.hasSession(pair.bob.name()));
  CHECK(pair.alice.open(imposter, message) == "it is really me");
  CHECK(pair.alice.store.trust(pair.bob.name(), identity) == Trust::Pinned);
}

TEST_CASE("no bit of a message may change") {
  Pair pair;
  pair.begin();
  const auto first = pair.alice.seal(pair.bob, "hello");
  REQUIRE(pair.bob.open(pair.alice, first) == "hello");
  REQUIRE(pair.alice.open(pair.bob, pair.bob.seal(pair.alice, "x")) == "x");
  const auto message = pair.alice.seal(pair.bob, "hello");
  const std::string before = pair.bob.state();
  for (size_t bit = 0; bit < message.body.size() * 8; ++bit) {
    CiphertextMessage forged = message;
    forged.body[bit / 8] = static_cast<uint8_t>(forged.body[bit / 8] ^ (1u << (bit % 8)));
    INFO("bit " << bit);
    CHECK(pair.bob.open(pair.alice, forged).starts_with("!"));
  }
  CHECK(pair.bob.state() == before);
  CHECK(pair.bob.open(pair.alice, message) == "hello");
}

TEST_CASE("a forged first message changes nothing and uses up no prekey") {
  Pair pair;
  pair.begin();
  const auto first = pair.alice.seal(pair.bob, "hello");
  for (size_t bit = 0; bit < first.body.size() * 8; bit += 3) {
    CiphertextMessage forged = first;
    forged.body[bit / 8] = static_cast<uint8_t>(forged.body[bit / 8] ^ (1u << (bit % 8)));
    const std::string before = pair.bob.state();
    const std::string result = pair.bob.open(pair.alice, forged);
    INFO("bit " << bit << ": " << result);
    // The registration id and the low half of the outer version byte are covered by nothing, as deployed.
    if (result == "hello") {
      pair.bob.store = DeviceStore::deserialize(fromHex(before)).value();
      continue;
    }
    CHECK(pair.bob.state() == before);
  }
  CHECK(pair.bob.open(pair.alice, first) == "hello");
}

TEST_CASE("a message is not opened by its own sender, nor by a third device") {
  Pair pair;
  pair.settle();
  TestDevice carol("carol", 3);
  const auto message = pair.alice.seal(pair.bob, "for bob");
  CHECK(carol.open(pair.alice, message) == "!no-session");
  CHECK(refusedUnchanged(pair.alice, pair.bob, message) == "!invalid-message");
}

TEST_CASE("a message to the signed prekey before the last is opened, and to an older one not") {
  Pair pair;
  const PreKeyBundle first = pair.bob.bundle(false);
  TestDevice carol("carol", 3);
  REQUIRE(pair.alice.store.begin(pair.bob.name(), first, pair.alice.random));
  REQUIRE(carol.store.begin(pair.bob.name(), first, carol.random));
  CHECK(!pair.bob.store.keys().signedPreKeyIsDue(1000 + KeyStore::signedPreKeySeconds - 1));
  CHECK(pair.bob.store.keys().signedPreKeyIsDue(1000 + KeyStore::signedPreKeySeconds));
  const auto renew = [&] {
    const auto made = pair.bob.save(pair.bob.store.renewSignedPreKey(pair.bob.random, 700000));
    CHECK(made.id != first.signedPreKey.id);
    CHECK(pair.bob.bundle(false).isSigned());
  };
  renew();
  CHECK(!pair.bob.store.keys().signedPreKeyIsDue(700001));
  CHECK(pair.bob.open(pair.alice, pair.alice.seal(pair.bob, "in time")) == "in time");
  renew();
  CHECK(refusedUnchanged(pair.bob, carol, carol.seal(pair.bob, "late")) == "!unknown-signed-prekey");
}

TEST_CASE("too long a plaintext is refused and an empty one is not") {
  Pair pair;
  pair.settle();
  const std::string before = pair.alice.state();
  CHECK(pair.alice.store.encrypt(pair.bob.name(), Bytes(maxPlaintextSize + 1)).error() ==
        SignalError::Malformed);
  CHECK(pair.alice.state() == before);
  CHECK(pair.bob.open(pair.alice, pair.alice.seal(pair.bob, "")) == "");
  const std::string longest(maxPlaintextSize, 'x');
  CHECK(pair.bob.open(pair.alice, pair.alice.seal(pair.bob, longest)) == longest);
}
