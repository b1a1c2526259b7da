// FrameSealer: counters, fail-closed behaviour, and no key stream used twice.
#include <catch2/catch.hpp>
#include <set>

#include "client/native/e2ee/ClearPrefix.hpp"
#include "tests/unit/e2ee/E2eeTestSupport.hpp"

namespace sotto::client::e2ee::test {

TEST_CASE("Without a key nothing is sealed and the buffer stays as it was") {
  FrameSealer sealer(frame::Suite::Duo);
  Bytes out{1, 2, 3};
  const auto sealed = sealer.seal(testFrame(100), deltaFrame(), out);
  REQUIRE_FALSE(sealed);
  CHECK(sealed.error() == SealError::NoKey);
  sealer.installKey({1, 0, 0}, mediaKey());
  REQUIRE(sealer.seal(testFrame(100), deltaFrame(), out));
  sealer.removeKey();
  const size_t before = out.size();
  CHECK_FALSE(sealer.seal(testFrame(100), deltaFrame(), out));
  CHECK(out.size() == before);
}

TEST_CASE("Sealing appends behind what the buffer already holds") {
  FrameSealer sealer(frame::Suite::Aes128Gcm);
  sealer.installKey({1, 0, 0}, mediaKey());
  Bytes out{9, 8, 7};
  const auto size = sealer.seal(testFrame(50), deltaFrame(), out);
  REQUIRE(size);
  CHECK(out.size() == 3 + *size);
  CHECK((out[0] == 9 && out[1] == 8 && out[2] == 7));
  // The clear prefix comes first and unchanged.
  CHECK(std::equal(out.begin() + 3, out.begin() + 6, testFrame(50).begin()));
}

TEST_CASE("One counter runs over all layers and is never set back, not by a key installed again") {
  FrameSealer sealer(frame::Suite::Duo);
  std::set<std::pair<uint64_t, uint64_t>> used;
  const auto sealAndCheck = [&](uint8_t layer) {
    auto fields = deltaFrame();
    fields.spatialIndex = layer;
    const auto parsed = frame::parseFrameMetadata(sealOne(sealer, testFrame(40), fields));
    REQUIRE(parsed);
    CHECK(used.emplace(parsed->metadata.keyId, parsed->metadata.counter).second);
  };
  for (const KeyId id : {KeyId{5, 0, 0}, KeyId{5, 1, 0}, KeyId{5, 0, 0}}) {
    sealer.installKey(id, mediaKey());
    for (uint8_t frame = 0; frame < 30; ++frame) sealAndCheck(frame % 3);
  }
  CHECK(used.size() == 90);
}

TEST_CASE("When the last counter is spent the sealer fails closed") {
  FrameSealer sealer(frame::Suite::Duo, std::numeric_limits<uint64_t>::max() - 1);
  sealer.installKey({1, 0, 0}, mediaKey());
  Bytes out;
  REQUIRE(sealer.seal(testFrame(10), deltaFrame(), out));
  REQUIRE(sealer.seal(testFrame(10), deltaFrame(), out));
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto sealed = sealer.seal(testFrame(10), deltaFrame(), out);
    REQUIRE_FALSE(sealed);
    CHECK(sealed.error() == SealError::CounterExhausted);
  }
}

TEST_CASE("A failed seal does not give its counter to the next frame") {
  FrameSealer sealer(frame::Suite::Duo);
  sealer.installKey({1, 0, 0}, mediaKey());
  auto fields = deltaFrame();
  fields.clearLength = 11;
  Bytes out;
  const auto sealed = sealer.seal(testFrame(10), fields, out);
  REQUIRE_FALSE(sealed);
  CHECK(sealed.error() == SealError::BadFrame);
  CHECK(out.empty());
  CHECK(sealer.seal(Bytes(FrameSealer::maxFrameSize + 1), deltaFrame(), out).error() == SealError::BadFrame);
}

TEST_CASE("A zero-length frame is sealed to nothing and spends no counter") {
  FrameSealer sealer(frame::Suite::Duo);
  sealer.installKey({1, 0, 0}, mediaKey());
  Bytes out;
  auto fields = deltaFrame();
  fields.clearLength = 0;
  const auto size = sealer.seal({}, fields, out);
  REQUIRE(size);
  CHECK(*size == 0);
  CHECK(out.empty());
  CHECK(sealer.nextCounter() == 0);
}

TEST_CASE("Neighbouring frames share no block of key stream in any suite") {
  for (const frame::Suite suite : allSuites) {
    FrameSealer sealer(suite);
    sealer.installKey({1, 0, 0}, mediaKey());
    // The ciphertext of zeros is the key stream itself.
    frame::FrameMetadata fields;
    const size_t blocks = 64;
    const Bytes zeros(16 * blocks, 0);
    std::set<std::string> seen;
    for (int frame = 0; frame < 20; ++frame) {
      const Bytes sealed = sealOne(sealer, zeros, fields);
      for (size_t block = 0; block < blocks; ++block) {
        CHECK(seen.insert(toHex(base::ByteView(sealed).subspan(16 * block, 16))).second);
      }
    }
  }
}

TEST_CASE("The clear prefix follows the codec and never exceeds the frame") {
  using frame::CodecType;
  CHECK(clearPrefixLength(CodecType::Vp8, true, 1000) == 10);
  CHECK(clearPrefixLength(CodecType::Vp8, false, 1000) == 3);
  CHECK(clearPrefixLength(CodecType::Vp8, false, 2) == 2);
  CHECK(clearPrefixLength(CodecType::Vp9, true, 1000) == 0);
  CHECK(clearPrefixLength(CodecType::Opus, false, 100) == 0);
}

}  // namespace sotto::client::e2ee::test
