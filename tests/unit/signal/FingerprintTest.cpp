// Safety numbers and call codes against their known answers.
#include <catch2/catch.hpp>
#include <set>

#include "client/native/e2ee/signal/CallCode.hpp"
#include "client/native/e2ee/signal/Fingerprint.hpp"
#include "tests/unit/signal/SignalTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;
using namespace sotto::e2ee::signal::test;

namespace {

struct Known {
  nlohmann::json vector = loadVectors("signal-v3.json")["numeric_fingerprint"];
  Bytes aliceId = bytesOf(vector["alice"]["stable_id"]);
  Bytes bobId = bytesOf(vector["bob"]["stable_id"]);
  FingerprintParty alice{aliceId, PublicKey::parse(fromHex(vector["alice"]["identity_key_33"])).value()};
  FingerprintParty bob{bobId, PublicKey::parse(fromHex(vector["bob"]["identity_key_33"])).value()};
};

std::vector<CallMember> membersOf(const nlohmann::json& list) {
  std::vector<CallMember> members;
  for (const auto& member : list) {
    members.push_back(
        {member["user"], member["device"], PublicKey::parse(fromHex(member["identityKey"])).value()});
  }
  return members;
}

}  // namespace

TEST_CASE("a safety number is the known one, on both sides") {
  const Known known;
  const Fingerprint alice(known.alice, known.bob);
  const Fingerprint bob(known.bob, known.alice);
  CHECK(toHex(alice.local()) == known.vector["alice"]["fingerprint_sha512"]);
  CHECK(toHex(alice.remote()) == known.vector["bob"]["fingerprint_sha512"]);
  CHECK(alice.digits() == known.vector["displayable"]);
  CHECK(bob.digits() == known.vector["displayable"]);
  CHECK(toHex(alice.scannable(1)) == known.vector["scannable_v1_alice"]);
  CHECK(toHex(bob.scannable(1)) == known.vector["scannable_v1_bob"]);
  CHECK(toHex(alice.scannable()) == known.vector["scannable_v2_alice"]);
}

TEST_CASE("scanning tells a match, another person, another version and rubbish apart") {
  const Known known;
  const Fingerprint alice(known.alice, known.bob);
  const Fingerprint bob(known.bob, known.alice);
  using enum Fingerprint::ScanResult;
  CHECK(alice.compare(bob.scannable()) == Match);
  CHECK(bob.compare(alice.scannable()) == Match);
  // One's own code is not the other's.
  CHECK(alice.compare(alice.scannable()) == Mismatch);
  base::SeededRandom random(5);
  const FingerprintParty mallory{known.bobId, KeyPair::generate(random).publicKey};
  CHECK(alice.compare(Fingerprint(mallory, known.alice).scannable()) == Mismatch);
  CHECK(alice.compare(bob.scannable(1)) == OtherVersion);
  const Bytes good = bob.scannable();
  for (size_t size = 0; size < good.size(); ++size) {
    const auto result = alice.compare(base::ByteView(good).first(size));
    INFO("first " << size << " bytes");
    CHECK((!result || *result != Match));
  }
}

TEST_CASE("call codes are the known ones") {
  const auto vectors = loadVectors("call-code.json");
  for (const auto& known : vectors["cases"]) {
    INFO(known["name"]);
    const auto code = callCode(membersOf(known["members"]));
    REQUIRE(code);
    CHECK(code->digits == known["digits"]);
    CHECK(code->emoji() == known["emoji"]);
    for (size_t i = 0; i < code->emojiIndexes.size(); ++i) {
      CHECK(code->emojiIndexes[i] == known["emoji_indexes"][i]);
    }
  }
  std::set<std::string_view> pictures;
  for (size_t i = 0; i < 64; ++i) {
    CHECK(callEmoji(i).picture == vectors["emoji"][i]["emoji"]);
    CHECK(callEmoji(i).name == vectors["emoji"][i]["name"]);
    pictures.insert(callEmoji(i).picture);
  }
  CHECK(pictures.size() == 64);
}

TEST_CASE("the boundary between a user's and a device's name is part of the call code") {
  base::SeededRandom random(6);
  const PublicKey key = KeyPair::generate(random).publicKey;
  const std::vector<CallMember> first{{"ab", "c", key}};
  const std::vector<CallMember> second{{"a", "bc", key}};
  CHECK(callCode(first)->digits != callCode(second)->digits);
  const std::vector<CallMember> tooLong{{std::string(65536, 'a'), "c", key}};
  CHECK(callCode(tooLong).error() == SignalError::Malformed);
}
