// Sealed data messages: the known answers, and everything that must not open.
#include <catch2/catch.hpp>

#include "client/native/e2ee/DataOpener.hpp"
#include "client/native/e2ee/SuiteCipher.hpp"
#include "tests/unit/e2ee/E2eeTestSupport.hpp"

namespace sotto::client::e2ee {
namespace {

using test::Bytes;
using test::fromHex;
using test::toHex;

constexpr uint16_t alice = 3, bob = 7, carol = 9;
constexpr KeyId first{alice, 0, 0};

Bytes text(const std::string& words) {
  return {words.begin(), words.end()};
}

/// A sealer of alice's, and an opener that has her key.
struct Pair {
  SecretBytes key = SecretBytes(base::ByteView(test::mediaKey()));
  DataSealer sealer;
  DataOpener opener;
  Pair() {
    sealer.installKey(first, key.view());
    opener.installKey(first, key.view());
  }
  Bytes seal(const std::string& words, const DataAddress& address = {}) {
    return sealer.seal(text(words), address).value();
  }
};

}  // namespace

TEST_CASE("Data messages are sealed and opened as the known answers say") {
  const auto vectors = test::loadVectors("data-messages.json");
  for (const auto& entry : vectors["messages"]) {
    INFO(entry);
    const KeyId key{entry["sender"], entry["generation"], entry["step"]};
    const uint64_t counter = std::stoull(entry["counter_hex"].get<std::string>(), nullptr, 16);
    const DataAddress address{entry["reliable"], entry["destination"]};
    DataSealer sealer(counter);
    sealer.installKey(key, fromHex(entry["sk"]));
    const Bytes plain = fromHex(entry["plaintext"]), sealed = sealer.seal(plain, address).value();
    CHECK(toHex(sealed) == entry["sealed"]);
    DataOpener opener;
    opener.installKey(key, fromHex(entry["sk"]));
    const auto opened = opener.open(sealed, key.sender, address.destination, address.reliable);
    REQUIRE(opened);
    CHECK(opened->plain == plain);
    CHECK(opened->destination == address.destination);
    CHECK(opened->key == key);
  }
}

TEST_CASE("After the last counter nothing is sealed any more, nor without a key") {
  DataSealer sealer(UINT64_MAX);
  CHECK_FALSE(sealer.seal(text("x"), {}));
  sealer.installKey(first, test::mediaKey());
  CHECK(sealer.seal(text("x"), {}));
  CHECK_FALSE(sealer.seal(text("x"), {}));
  DataSealer other;
  other.installKey(first, test::mediaKey());
  other.removeKey();
  CHECK_FALSE(other.seal(text("x"), {}));
}

TEST_CASE("A data message opens once") {
  Pair pair;
  const Bytes message = pair.seal("hello");
  REQUIRE(pair.opener.open(message, alice, bob, true));
  CHECK(pair.opener.open(message, alice, bob, true).error() == DataOpenError::Replay);
  // Nor after its key was forgotten and came again.
  pair.opener.removeSender(alice);
  CHECK(pair.opener.open(message, alice, bob, true).error() == DataOpenError::UnknownKey);
  pair.opener.installKey(first, pair.key.view());
  CHECK(pair.opener.open(message, alice, bob, true).error() == DataOpenError::Replay);
}

TEST_CASE("Data messages open out of order, but not a thousand late") {
  Pair pair;
  std::vector<Bytes> messages;
  for (int i = 0; i < 1'100; ++i) messages.push_back(pair.seal(std::to_string(i)));
  REQUIRE(pair.opener.open(messages.back(), alice, bob, true));
  CHECK(pair.opener.open(messages[1'000], alice, bob, true));
  CHECK(pair.opener.open(messages[100], alice, bob, true));
  CHECK(pair.opener.open(messages[10], alice, bob, true).error() == DataOpenError::Replay);
}

TEST_CASE("What is for one participant does not open for another, nor a lossy one as a reliable one") {
  Pair pair;
  const Bytes toBob = pair.seal("psst", {true, bob});
  CHECK(pair.opener.open(toBob, alice, carol, true).error() == DataOpenError::Authentication);
  CHECK(pair.opener.open(toBob, alice, bob, false).error() == DataOpenError::Authentication);
  CHECK(pair.opener.open(toBob, bob, bob, true).error() == DataOpenError::WrongSender);
  const auto opened = pair.opener.open(toBob, alice, bob, true);
  REQUIRE(opened);
  CHECK(opened->destination == bob);
}

TEST_CASE("A data message with any bit changed, or cut short, does not open") {
  Pair pair;
  const Bytes message = pair.seal("hello");
  for (size_t bit = 0; bit < message.size() * 8; ++bit) {
    Bytes changed = message;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1u << bit % 8));
    INFO("bit " << bit);
    CHECK_FALSE(pair.opener.open(changed, alice, bob, true));
  }
  for (size_t size = 0; size < message.size(); ++size) {
    INFO("size " << size);
    CHECK_FALSE(pair.opener.open(base::ByteView(message).first(size), alice, bob, true));
  }
}

TEST_CASE("An opener ratchets to the step that a message names, and not back") {
  Pair pair;
  const SecretBytes next = ratchetKey(ratchetKey(pair.key.view()).view());
  pair.sealer.installKey({alice, 0, 2}, next.view());
  CHECK(pair.opener.open(pair.seal("further"), alice, bob, true));
  DataOpener newcomer;
  newcomer.installKey({alice, 0, 2}, next.view());
  pair.sealer.installKey(first, pair.key.view());
  CHECK(newcomer.open(pair.seal("before its time"), alice, bob, true).error() == DataOpenError::UnknownKey);
}

TEST_CASE("Forged steps cost a ratchet once in a while only, and do no harm") {
  Pair pair;
  Bytes forged = pair.seal("x");
  forged[3] = 255;  // the step
  CHECK(pair.opener.open(forged, alice, bob, true).error() == DataOpenError::Authentication);
  for (unsigned i = 0; i < DataOpener::messagesBetweenFailedRatchets; ++i) {
    CHECK(pair.opener.open(forged, alice, bob, true).error() == DataOpenError::UnknownKey);
  }
  CHECK(pair.opener.open(forged, alice, bob, true).error() == DataOpenError::Authentication);
  CHECK(pair.opener.open(pair.seal("y"), alice, bob, true));
}

TEST_CASE("A removed generation opens nothing, the next one does") {
  Pair pair;
  const Bytes fresh = fromHex("11" + toHex(pair.key.view()).substr(2));
  const Bytes before = pair.seal("before");
  pair.opener.installKey({alice, 1, 0}, fresh);
  pair.opener.removeGeneration(alice, 0);
  CHECK(pair.opener.open(before, alice, bob, true).error() == DataOpenError::UnknownKey);
  pair.sealer.installKey({alice, 1, 0}, fresh);
  CHECK(pair.opener.open(pair.seal("after"), alice, bob, true));
}

}  // namespace sotto::client::e2ee
