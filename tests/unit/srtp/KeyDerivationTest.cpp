// RFC 3711 appendix B.3 and the packets of RFC 7714 section 16.
#include <catch2/catch.hpp>

#include "SrtpTestSupport.hpp"
#include "media/srtp/GcmSession.hpp"
#include "media/srtp/KeyDerivation.hpp"

using namespace sotto::srtp;

TEST_CASE("Session keys are derived as in RFC 3711 appendix B.3") {
  const auto vectors = loadVectors("rfc3711-srtp.json").at("key_derivation_B3");
  const Bytes key = fromHex(vectors.at("master_key")), salt = fromHex(vectors.at("master_salt"));
  const std::pair<KeyLabel, const char*> labels[] = {{KeyLabel::RtpCipherKey, "srtp_cipher_key_label0"},
                                                     {KeyLabel::RtpAuthKey, "srtp_auth_key_94_label1"},
                                                     {KeyLabel::RtpCipherSalt, "srtp_cipher_salt_label2"},
                                                     {KeyLabel::RtcpCipherKey, "srtcp_cipher_key_label3"},
                                                     {KeyLabel::RtcpAuthKey, "srtcp_auth_key_20_label4"},
                                                     {KeyLabel::RtcpCipherSalt, "srtcp_cipher_salt_label5"}};
  for (const auto& [label, name] : labels) {
    INFO(name);
    const Bytes expected = fromHex(vectors.at(name));
    Bytes derived(expected.size());
    deriveKey(key, salt, label, derived);
    CHECK(derived == expected);
  }
}

TEST_CASE("The packets of RFC 7714 section 16 are sealed and opened byte for byte") {
  const nlohmann::json vectors = loadVectors("rfc7714-srtp-gcm.json").at("vectors");
  REQUIRE(vectors.size() == 2);
  for (const auto& vector : vectors) {
    INFO(vector.at("name"));
    const Bytes key = fromHex(vector.at("session_key")), salt = fromHex(vector.at("session_salt"));
    const GcmSessionKeys keys{key, salt, key, salt};
    const Bytes plain = fromHex(vector.at("rtp")), sealed = fromHex(vector.at("srtp"));
    GcmKey gcm(key, salt, GcmKey::Direction::Seal);
    const GcmKey::Iv iv = gcm.rtpIv(sotto::base::loadU32(&plain[8]), sotto::base::loadU16(&plain[2]));
    CHECK(Bytes(iv.begin(), iv.end()) == fromHex(vector.at("iv")));
    GcmSender sender(keys);
    CHECK(seal(sender, plain, 7) == sealed);
    GcmReceiver receiver(keys);
    Bytes packet = sealed;
    REQUIRE(receiver.unprotectRtp(packet).value() == plain.size());
    packet.resize(plain.size());
    CHECK(packet == plain);
  }
}

TEST_CASE("The AES_CM_128_HMAC_SHA1_80 reference packets are sealed and opened byte for byte") {
  const auto vectors = loadVectors("rfc3711-srtp.json");
  const auto& derivation = vectors.at("key_derivation_B3");
  const Bytes key = fromHex(derivation.at("master_key")), salt = fromHex(derivation.at("master_salt"));
  const auto sender = makeSrtpSender(Profile::Aes128CmSha1_80, key, salt);
  const auto receiver = makeSrtpReceiver(Profile::Aes128CmSha1_80, key, salt);

  const auto& rtp = vectors.at("aes_cm_128_hmac_sha1_80_packet");
  CHECK(seal(*sender, fromHex(rtp.at("rtp")), 3) == fromHex(rtp.at("srtp")));
  Bytes packet = fromHex(rtp.at("srtp"));
  REQUIRE(receiver->unprotectRtp(packet).has_value());
  const auto& rtcp = vectors.at("aes_cm_128_hmac_sha1_80_rtcp");
  CHECK(sealRtcp(*sender, fromHex(rtcp.at("rtcp"))) == fromHex(rtcp.at("srtcp")));
  packet = fromHex(rtcp.at("srtcp"));
  REQUIRE(receiver->unprotectRtcp(packet).value() == fromHex(rtcp.at("rtcp")).size());
}

TEST_CASE("Keys of a wrong size are refused") {
  const Bytes key(16), shortKey(15), salt(12), shortSalt(11);
  for (Profile profile : allProfiles) {
    CHECK_THROWS(makeSrtpSender(profile, shortKey, Bytes(saltLength(profile))));
    CHECK_THROWS(makeSrtpReceiver(profile, shortKey, Bytes(saltLength(profile))));
  }
  CHECK_THROWS(GcmKey(key, shortSalt, GcmKey::Direction::Seal));
  CHECK_THROWS(GcmKey(shortKey, salt, GcmKey::Direction::Seal));
}
