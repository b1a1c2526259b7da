// FrameOpener: tampering, foreign keys, replays, and ratcheting forward.
#include <catch2/catch.hpp>

#include "tests/unit/e2ee/E2eeTestSupport.hpp"

namespace sotto::client::e2ee::test {
namespace {

struct Pair {
  explicit Pair(frame::Suite suite, KeyId id = {7, 0, 0}) : sealer(suite) {
    sealer.installKey(id, mediaKey());
    opener.installKey(id, suite, mediaKey());
  }
  FrameSealer sealer;
  FrameOpener opener;
};

OpenError errorOf(FrameOpener& opener, const Bytes& sealed, uint16_t expectedSender = 0) {
  Bytes out{42};
  const auto opened = opener.open(sealed, out, expectedSender);
  REQUIRE_FALSE(opened);
  REQUIRE(out == Bytes{42});
  return opened.error();
}

bool opens(FrameOpener& opener, const Bytes& sealed, const Bytes& plain) {
  Bytes out;
  return opener.open(sealed, out).has_value() && out == plain;
}

}  // namespace

TEST_CASE("What is sealed opens to the same bytes and metadata in every suite and size") {
  for (const frame::Suite suite : allSuites) {
    Pair pair(suite);
    for (const size_t size : {1, 2, 3, 15, 16, 17, 100, 1200, 70'000}) {
      const Bytes plain = testFrame(size);
      auto fields = deltaFrame();
      fields.clearLength = static_cast<uint16_t>(std::min<size_t>(3, size));
      const Bytes sealed = sealOne(pair.sealer, plain, fields);
      Bytes out;
      const auto opened = pair.opener.open(sealed, out);
      REQUIRE(opened);
      CHECK(out == plain);
      CHECK(opened->video);
      CHECK(opened->spatialIndex == 1);
      CHECK(opened->temporalIndex == 2);
      CHECK(opened->sender() == 7);
    }
  }
}

TEST_CASE("A frame with any one bit changed, and any shortened frame, does not open") {
  for (const frame::Suite suite : allSuites) {
    Pair pair(suite);
    const Bytes plain = testFrame(40);
    const Bytes sealed = sealOne(pair.sealer, plain);
    for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      Bytes tampered = sealed;
      tampered[bit / 8] = static_cast<uint8_t>(tampered[bit / 8] ^ 1u << bit % 8);
      Bytes out;
      INFO("suite " << suiteName(suite) << ", bit " << bit);
      CHECK_FALSE(pair.opener.open(tampered, out));
      CHECK(out.empty());
    }
    for (size_t size = 0; size < sealed.size(); ++size) {
      Bytes out;
      CHECK_FALSE(pair.opener.open(base::ByteView(sealed).first(size), out));
      CHECK_FALSE(pair.opener.open(base::ByteView(sealed).last(size), out));
    }
    // None of that has touched the replay window or the key.
    CHECK(opens(pair.opener, sealed, plain));
  }
}

TEST_CASE("A replayed frame and one older than the window are dropped, late ones within it are not") {
  Pair pair(frame::Suite::Duo);
  const Bytes plain = testFrame(30);
  std::vector<Bytes> sealed;
  for (int i = 0; i < 1'030; ++i) sealed.push_back(sealOne(pair.sealer, plain));
  CHECK(opens(pair.opener, sealed[1'025], plain));
  CHECK(errorOf(pair.opener, sealed[1'025]) == OpenError::Replay);
  CHECK(opens(pair.opener, sealed[2], plain));
  CHECK(errorOf(pair.opener, sealed[2]) == OpenError::Replay);
  CHECK(errorOf(pair.opener, sealed[1]) == OpenError::Replay);
  // The key announced once more must not open the door to replays.
  pair.opener.installKey({7, 0, 0}, frame::Suite::Duo, mediaKey());
  CHECK(errorOf(pair.opener, sealed[1'025]) == OpenError::Replay);
}

TEST_CASE("A zero-length frame passes as nothing") {
  FrameOpener opener;
  CHECK(errorOf(opener, {}) == OpenError::Empty);
}

TEST_CASE("Unknown keys, foreign senders, wrong keys and wrong suites are told apart") {
  Pair pair(frame::Suite::Duo);
  const Bytes sealed = sealOne(pair.sealer, testFrame(30));
  FrameOpener empty;
  CHECK(errorOf(empty, sealed) == OpenError::UnknownKey);
  CHECK(errorOf(pair.opener, sealed, 8) == OpenError::WrongSender);

  FrameOpener other;
  other.installKey({7, 0, 0}, frame::Suite::Duo, mediaKey(0x55));
  CHECK(errorOf(other, sealed) == OpenError::Authentication);
  FrameOpener gcm;
  gcm.installKey({7, 0, 0}, frame::Suite::Aes128Gcm, mediaKey());
  CHECK(errorOf(gcm, sealed) == OpenError::WrongSuite);
  CHECK(errorOf(pair.opener, Bytes{1, 2, 3}) == OpenError::Trailer);

  pair.opener.removeSender(7);
  CHECK_FALSE(pair.opener.hasKeyOf(7));
  CHECK(errorOf(pair.opener, sealed) == OpenError::UnknownKey);
}

TEST_CASE("Another participant's key does not open a frame under this one's number") {
  // The same SK with sender 8 in the key id: GCM keys depend on it, and duo's MAC covers it.
  for (const frame::Suite suite : allSuites) {
    Pair pair(suite);
    FrameSealer foreign(suite);
    foreign.installKey({8, 0, 0}, mediaKey(0x70));
    CHECK(errorOf(pair.opener, sealOne(foreign, testFrame(30))) == OpenError::UnknownKey);
    foreign.installKey({7, 0, 0}, mediaKey(0x70));
    CHECK(errorOf(pair.opener, sealOne(foreign, testFrame(30))) == OpenError::Authentication);
  }
}

TEST_CASE("A higher step of a known generation is reached by ratcheting, and kept once a MAC has verified") {
  for (const frame::Suite suite : allSuites) {
    Pair pair(suite);
    const Bytes plain = testFrame(60);
    SecretBytes key{base::ByteView(mediaKey())};
    for (int step = 0; step < 5; ++step) key = ratchetKey(key.view());
    const Bytes old = sealOne(pair.sealer, plain);
    pair.sealer.installKey({7, 0, 5}, key.view());
    const Bytes sealed = sealOne(pair.sealer, plain);

    CHECK(opens(pair.opener, sealed, plain));
    CHECK(errorOf(pair.opener, sealed) == OpenError::Replay);
    // A frame of the step before is still on its way.
    CHECK(opens(pair.opener, old, plain));
  }
}

TEST_CASE("Ratcheting goes forward only, over any number of steps, and never into another generation") {
  const Bytes plain = testFrame(60);
  const auto sealedAt = [&](KeyId id, unsigned steps) {
    SecretBytes key{base::ByteView(mediaKey())};
    for (unsigned step = 0; step < steps; ++step) key = ratchetKey(key.view());
    FrameSealer sealer(frame::Suite::Duo);
    sealer.installKey(id, key.view());
    return sealOne(sealer, plain);
  };
  FrameOpener opener;
  opener.installKey({7, 3, 10}, frame::Suite::Duo, mediaKey());
  CHECK(errorOf(opener, sealedAt({7, 3, 9}, 0)) == OpenError::UnknownKey);
  CHECK(errorOf(opener, sealedAt({7, 4, 11}, 1)) == OpenError::UnknownKey);
  CHECK(errorOf(opener, sealedAt({8, 3, 11}, 1)) == OpenError::UnknownKey);
  CHECK(opens(opener, sealedAt({7, 3, 255}, 245), plain));
  // From the step first installed, steps in between can still be reached.
  CHECK(opens(opener, sealedAt({7, 3, 100}, 90), plain));
}

TEST_CASE("A made-up step is tried once in many frames, and does not keep an honest one out for good") {
  Pair pair(frame::Suite::Duo), liar(frame::Suite::Duo);
  const Bytes plain = testFrame(60);
  const SecretBytes stepped = ratchetKey(mediaKey());
  pair.sealer.installKey({7, 0, 1}, stepped.view());
  liar.sealer.installKey({7, 0, 200}, mediaKey(0x44));
  CHECK(errorOf(pair.opener, sealOne(liar.sealer, plain)) == OpenError::Authentication);
  unsigned tries = 0;
  for (unsigned i = 0; i < FrameOpener::framesBetweenFailedRatchets; ++i) {
    tries += errorOf(pair.opener, sealOne(liar.sealer, plain)) != OpenError::UnknownKey ? 1 : 0;
  }
  CHECK(tries == 0);
  CHECK(opens(pair.opener, sealOne(pair.sealer, plain), plain));
}

TEST_CASE("A key that was forgotten and comes back does not let its frames be replayed") {
  Pair pair(frame::Suite::Duo);
  const Bytes plain = testFrame(20);
  const Bytes first = sealOne(pair.sealer, plain);
  const SecretBytes stepped = ratchetKey(mediaKey());
  pair.sealer.installKey({7, 0, 1}, stepped.view());
  const Bytes second = sealOne(pair.sealer, plain), third = sealOne(pair.sealer, plain);
  CHECK(opens(pair.opener, first, plain));
  CHECK(opens(pair.opener, second, plain));

  pair.opener.removeSender(7);
  pair.opener.installKey({7, 0, 0}, frame::Suite::Duo, mediaKey());
  CHECK(errorOf(pair.opener, first) == OpenError::Replay);
  CHECK(errorOf(pair.opener, second) == OpenError::Replay);
  // Another key in between is no way around it.
  pair.opener.installKey({7, 0, 0}, frame::Suite::Duo, mediaKey(0x99));
  pair.opener.installKey({7, 0, 0}, frame::Suite::Duo, mediaKey());
  CHECK(errorOf(pair.opener, first) == OpenError::Replay);
  CHECK(opens(pair.opener, third, plain));
}

TEST_CASE("A new key under a known id replaces the old one and all that was ratcheted from it") {
  Pair pair(frame::Suite::Duo);
  const Bytes plain = testFrame(20);
  const SecretBytes stepped = ratchetKey(mediaKey());
  pair.sealer.installKey({7, 0, 1}, stepped.view());
  CHECK(opens(pair.opener, sealOne(pair.sealer, plain), plain));
  pair.opener.installKey({7, 0, 0}, frame::Suite::Duo, mediaKey(0x99));
  CHECK(errorOf(pair.opener, sealOne(pair.sealer, plain)) == OpenError::Authentication);
  pair.sealer.installKey({7, 0, 0}, mediaKey(0x99));
  CHECK(opens(pair.opener, sealOne(pair.sealer, plain), plain));
  pair.opener.removeGeneration(7, 0);
  CHECK(errorOf(pair.opener, sealOne(pair.sealer, plain)) == OpenError::UnknownKey);
}

}  // namespace sotto::client::e2ee::test
