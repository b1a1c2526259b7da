// Fingerprints as SDP carries them.
#include "media/dtls/Fingerprint.hpp"

#include <catch2/catch.hpp>

#include "DtlsPair.hpp"

using namespace sotto::dtls;

TEST_CASE("A fingerprint is upper-case hex with colons and differs for each certificate") {
  const std::string& text = clientCertificate().fingerprint();
  CHECK(text.size() == 32 * 3 - 1);
  CHECK(text.find_first_not_of("0123456789ABCDEF:") == std::string::npos);
  CHECK(text != serverCertificate().fingerprint());
  CHECK(toFingerprintText(Bytes{0x00, 0xAB, 0x1f}) == "00:AB:1F");
}

TEST_CASE("Only well-formed fingerprints of sound hash functions are parsed") {
  const auto text = [](size_t bytes) { return toFingerprintText(Bytes(bytes, 0x5a)); };
  CHECK(Fingerprint::parse("sha-256", text(32)));
  CHECK(Fingerprint::parse("sha-384", text(48)));
  CHECK(Fingerprint::parse("sha-512", text(64)));
  CHECK(Fingerprint::parse("sha-256", "ab" + text(32).substr(2)));
  CHECK_FALSE(Fingerprint::parse("sha-1", text(20)));
  CHECK_FALSE(Fingerprint::parse("md5", text(16)));
  CHECK_FALSE(Fingerprint::parse("", ""));
  CHECK_FALSE(Fingerprint::parse("sha-256", ""));
  CHECK_FALSE(Fingerprint::parse("sha-256", text(31)));
  CHECK_FALSE(Fingerprint::parse("sha-256", text(48)));
  CHECK_FALSE(Fingerprint::parse("sha-256", "-1" + text(32).substr(2)));
  CHECK_FALSE(Fingerprint::parse("sha-256", "0x" + text(32).substr(2)));
  CHECK_FALSE(Fingerprint::parse("sha-256", "A:" + text(32).substr(2)));
  std::string wrongSeparator = text(32);
  wrongSeparator[2] = '-';
  CHECK_FALSE(Fingerprint::parse("sha-256", wrongSeparator));
}
