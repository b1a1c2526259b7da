// External keys: the derivation, and that no join ever repeats a key.
#include <catch2/catch.hpp>

#include "client/native/e2ee/ExternalKeyProvider.hpp"
#include "tests/unit/e2ee/E2eeTestSupport.hpp"

namespace sotto::client::e2ee::test {
namespace {

const base::Timestamp now = base::Timestamp::millis(1);

SecretBytes countingSecret() {
  Bytes secret(32);
  for (size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<uint8_t>(i);
  return SecretBytes(base::ByteView(secret));
}

}  // namespace

TEST_CASE("A media key is derived from secret, salt and sender number") {
  // Computed independently with Python's hmac.
  const SecretBytes key = ExternalKeyProvider::mediaKey(countingSecret().view(),
                                                        fromHex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"), 0x0102);
  CHECK(toHex(key.view()) == "9f0093a2ee13764c5812170ebb64bd766c54d09dd36228d6d39d6326ddc602eb");
}

TEST_CASE("Two participants with one secret open each other's frames") {
  base::SystemRandom random;
  for (const frame::Suite suite : allSuites) {
    ExternalKeyProvider alice(countingSecret(), suite, random), bob(countingSecret(), suite, random);
    const PublishedKeyInfo aliceInfo = alice.joined(1, {}, now);
    const PublishedKeyInfo bobInfo = bob.joined(2, {{1, {}, aliceInfo}}, now);
    alice.memberPresent({2, {}, bobInfo}, now);
    Bytes out;
    CHECK(alice.opener().open(sealOne(bob.sealer(), testFrame(100)), out, 2));
    CHECK(bob.opener().open(sealOne(alice.sealer(), testFrame(100)), out, 1));
    alice.memberLeft(2, now);
    CHECK(alice.opener().open(sealOne(bob.sealer(), testFrame(100)), out).error() == OpenError::UnknownKey);
  }
}

TEST_CASE("Each join draws a new salt, so a sender number given out twice leads to no common key") {
  base::SystemRandom random;
  ExternalKeyProvider first(countingSecret(), frame::Suite::Duo, random),
      second(countingSecret(), frame::Suite::Duo, random),
      viewer(countingSecret(), frame::Suite::Duo, random);
  const PublishedKeyInfo one = first.joined(3, {}, now), two = second.joined(3, {}, now);
  CHECK(one.salt != two.salt);
  CHECK(first.joined(3, {}, now).salt != one.salt);
  viewer.memberPresent({3, {}, two}, now);
  Bytes out;
  CHECK(viewer.opener().open(sealOne(second.sealer(), testFrame(50)), out));
  sealOne(first.sealer(), testFrame(50));  // its counter has been seen
  CHECK(viewer.opener().open(sealOne(first.sealer(), testFrame(50)), out).error() ==
        OpenError::Authentication);
}

TEST_CASE("A member that publishes no salt has no external key") {
  base::SystemRandom random;
  ExternalKeyProvider provider(countingSecret(), frame::Suite::Duo, random);
  provider.memberPresent({3, {}, std::nullopt}, now);
  provider.memberPresent({3, {}, PublishedKeyInfo{}}, now);
  CHECK_FALSE(provider.opener().hasKeyOf(3));
}

TEST_CASE("Another secret opens nothing") {
  base::SystemRandom random;
  ExternalKeyProvider right(countingSecret(), frame::Suite::Duo, random);
  ExternalKeyProvider wrong(SecretBytes(size_t{32}), frame::Suite::Duo, random);
  wrong.memberPresent({1, {}, right.joined(1, {}, now)}, now);
  Bytes out;
  CHECK(wrong.opener().open(sealOne(right.sealer(), testFrame(50)), out).error() ==
        OpenError::Authentication);
}

TEST_CASE("A secret too short to be one is refused") {
  base::SystemRandom random;
  CHECK_THROWS(ExternalKeyProvider(SecretBytes(size_t{15}), frame::Suite::Duo, random));
}

TEST_CASE("Published key information is read from its signaling form, and errors say what is wrong") {
  const auto good = PublishedKeyInfo::parse("aes256gcm", "00112233445566778899aabbccddeeff");
  REQUIRE(good);
  CHECK(good->suite == frame::Suite::Aes256Gcm);
  CHECK(good->saltHex() == "00112233445566778899aabbccddeeff");
  CHECK_FALSE(PublishedKeyInfo::parse("duo", "")->salt);
  CHECK_THAT(PublishedKeyInfo::parse("rot13", good->saltHex()).error().message, Catch::Contains("rot13"));
  for (const char* salt :
       {"0", "0011", "00112233445566778899aabbccddeefg", "00112233445566778899aabbccddeeff00"}) {
    CHECK_FALSE(PublishedKeyInfo::parse("duo", salt));
  }
}

TEST_CASE("Secrets are wiped when they are moved over or given up") {
  SecretBytes secret{base::ByteView(mediaKey())};
  const uint8_t* where = secret.view().data();
  SecretBytes moved = std::move(secret);
  CHECK(moved.view().data() == where);
  CHECK(secret.empty());
  CHECK(moved.equals(mediaKey()));
  CHECK_FALSE(moved.equals(mediaKey(0x21)));
  CHECK_FALSE(moved.equals(Bytes(31)));
}

}  // namespace sotto::client::e2ee::test
