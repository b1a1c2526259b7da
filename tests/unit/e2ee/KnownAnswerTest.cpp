// Known answers: RFC 5869, RFC 9605 Appendix C, and the sealed frames that every implementation of ours must
// make.
#include <catch2/catch.hpp>

#include "client/native/e2ee/FrameVectors.hpp"
#include "client/native/e2ee/Hkdf.hpp"
#include "tests/unit/e2ee/E2eeTestSupport.hpp"

namespace sotto::client::e2ee::test {

TEST_CASE("HKDF gives the output key material of RFC 5869") {
  const auto vectors = loadVectors("rfc5869-hkdf.json")["vectors"];
  REQUIRE(vectors.size() >= 3);
  for (const auto& vector : vectors) {
    INFO(vector["name"]);
    if (vector["hash"] != "sha256") continue;
    const Bytes ikm = fromHex(vector["ikm"]), salt = fromHex(vector["salt"]), info = fromHex(vector["info"]);
    const SecretBytes okm = hkdf(HashType::Sha256, ikm, salt, base::ByteView(info), vector["L"]);
    CHECK(toHex(okm.view()) == vector["okm"]);
  }
}

TEST_CASE("The SFrame header has the bytes of RFC 9605 for every key id and counter of its appendix") {
  const auto headers = loadVectors("rfc9605-sframe.json")["header"];
  REQUIRE(headers.size() == 289);
  for (const auto& vector : headers) {
    const uint64_t keyId = std::stoull(vector["kid_hex"].get<std::string>(), nullptr, 16);
    const uint64_t counter = std::stoull(vector["ctr_hex"].get<std::string>(), nullptr, 16);
    std::array<uint8_t, 17> header{};
    const size_t size = frame::writeSFrameHeader(keyId, counter, header);
    CHECK(toHex(base::ByteView(header).first(size)) == vector["encoded"]);
  }
}

TEST_CASE("The GCM suites derive and seal as RFC 9605 does") {
  int checked = 0;
  const auto vectors = loadVectors("rfc9605-sframe.json");
  for (const auto& vector : vectors["sframe"]) {
    if (vector["cipher_suite"] != 4 && vector["cipher_suite"] != 5) continue;
    const auto suite = static_cast<frame::Suite>(vector["cipher_suite"].get<int>());
    const Bytes baseKey = fromHex(vector["base_key"]), plain = fromHex(vector["pt"]);
    const Bytes metadata = fromHex(vector["metadata"]);
    const uint64_t keyId = vector["kid"], counter = vector["ctr"];
    const SuiteKeys keys = deriveSuiteKeys(suite, baseKey, keyId);
    CHECK(toHex(keys.encryption.view()) == vector["sframe_key"]);
    CHECK(toHex(keys.salt.view()) == vector["sframe_salt"]);

    SuiteCipher cipher(suite, baseKey, keyId);
    CHECK(toHex(cipher.nonce(counter)) == vector["nonce"]);
    Bytes sealed(plain.size() + cipher.macLength());
    REQUIRE(cipher.seal(counter, {}, plain, metadata, sealed));
    std::array<uint8_t, 17> header{};
    const size_t headerSize = frame::writeSFrameHeader(keyId, counter, header);
    CHECK(toHex(base::ByteView(header).first(headerSize)) + toHex(sealed) == vector["ct"]);
    ++checked;
  }
  CHECK(checked == 2);
}

TEST_CASE("The duo suite derives the keys that follow from the paper's formulas") {
  const auto vectors = loadVectors("duo-paper-known-answers.json");
  const auto& schedule = vectors["sframe"];
  const SuiteKeys keys = deriveSuiteKeys(frame::Suite::Duo, fromHex(schedule["SK"]), 0x10000);
  CHECK(toHex(keys.encryption.view()) == schedule["enc_key"]);
  CHECK(toHex(keys.authentication.view()) == schedule["auth_key"]);
  CHECK(toHex(keys.salt.view()) == schedule["salt_key"]);

  const SecretBytes step1 = ratchetKey(fromHex(vectors["ratchet"]["SK"]));
  CHECK(toHex(step1.view()) == vectors["ratchet"]["step1"]);
  CHECK(toHex(ratchetKey(step1.view()).view()) == vectors["ratchet"]["step2"]);
}

TEST_CASE("Every sealed frame of the vector file is made and opened byte for byte") {
  const auto report = checkFrameVectors(std::string(SOTTO_TEST_DATA) + "/sotto-frames.json");
  REQUIRE(report);
  CHECK(report->frames == 12);
  CHECK(report->ratchetSteps == 1);
}

TEST_CASE("A stretched passphrase is the scrypt of passphrase and room, and differs between rooms") {
  // Computed independently with Python's hashlib.scrypt.
  CHECK(toHex(stretchPassphrase("correct horse battery staple", "demo").view()) ==
        "7247d4036ad05d2cb8795473bbcf06ff36c3f51968c460e59993063af406c296");
  CHECK(toHex(stretchPassphrase("", "demo").view()) != toHex(stretchPassphrase("", "demo2").view()));
}

}  // namespace sotto::client::e2ee::test
