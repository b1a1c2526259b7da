// Our AES-GCM against libsrtp2's, in both directions.
#include <srtp2/srtp.h>

#include <catch2/catch.hpp>

#include "SrtpTestSupport.hpp"

using namespace sotto::srtp;
using sotto::base::SeededRandom;

namespace {

class Oracle {
 public:
  Oracle(Profile profile, const Bytes& key, const Bytes& salt, srtp_ssrc_type_t direction, bool encryptRtcp) {
    Bytes master = key;
    master.insert(master.end(), salt.begin(), salt.end());
    srtp_policy_t policy{};
    if (profile == Profile::AeadAes128Gcm) {
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
    }
    if (!encryptRtcp) policy.rtcp.sec_serv = sec_serv_auth;
    policy.ssrc.type = direction;
    policy.key = master.data();
    policy.window_size = 1024;
    REQUIRE(srtp_create(&session_, &policy) == srtp_err_status_ok);
  }
  Oracle(const Oracle&) = delete;
  ~Oracle() { srtp_dealloc(session_); }
  srtp_t get() const { return session_; }

 private:
  srtp_t session_ = nullptr;
};

Bytes run(srtp_err_status_t (*function)(srtp_t, void*, int*), const Oracle& oracle, Bytes packet) {
  int size = static_cast<int>(packet.size());
  packet.resize(packet.size() + SRTP_MAX_TRAILER_LEN + 4);
  REQUIRE(function(oracle.get(), packet.data(), &size) == srtp_err_status_ok);
  packet.resize(static_cast<size_t>(size));
  return packet;
}

}  // namespace

TEST_CASE("libsrtp2 seals and opens AES-GCM packets as we do") {
  const auto libraries = prepareSrtp();
  for (Profile profile : {Profile::AeadAes128Gcm, Profile::AeadAes256Gcm}) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      INFO("profile " << static_cast<int>(profile) << " seed " << seed);
      SeededRandom random(seed);
      const Bytes key = randomBytes(random, keyLength(profile)),
                  salt = randomBytes(random, saltLength(profile));
      const auto sender = makeSrtpSender(profile, key, salt);
      const auto receiver = makeSrtpReceiver(profile, key, salt);
      const Oracle theirSender(profile, key, salt, ssrc_any_outbound, true);
      const Oracle theirReceiver(profile, key, salt, ssrc_any_inbound, true);
      uint16_t sequence = 0xff00;  // across a wrap
      for (int i = 0; i < 400; ++i, ++sequence) {
        const uint32_t ssrc = 0x1000 + static_cast<uint32_t>(i % 2);
        const Bytes plain = randomRtp(random, ssrc, sequence);
        const Bytes ours = seal(*sender, plain, random.u32() % 30);
        const Bytes theirs = run(&srtp_protect, theirSender, plain);
        REQUIRE(ours == theirs);
        REQUIRE(run(&srtp_unprotect, theirReceiver, ours) == plain);
        Bytes opened = theirs;
        opened.resize(receiver->unprotectRtp(opened).value());
        REQUIRE(opened == plain);
      }
      // libsrtp2 counts SRTCP per SSRC and we over all; each opens the other's.
      for (int i = 0; i < 50; ++i) {
        const Bytes plain = randomRtcp(random, 0x1000 + static_cast<uint32_t>(i % 3));
        REQUIRE(run(&srtp_unprotect_rtcp, theirReceiver, sealRtcp(*sender, plain)) == plain);
        Bytes opened = run(&srtp_protect_rtcp, theirSender, plain);
        opened.resize(receiver->unprotectRtcp(opened).value());
        REQUIRE(opened == plain);
      }
    }
  }
}

TEST_CASE("SRTCP that is authenticated but not encrypted is opened, and its E flag is protected") {
  const auto libraries = prepareSrtp();
  SeededRandom random(5);
  const Profile profile = Profile::AeadAes128Gcm;
  const Bytes key = randomBytes(random, keyLength(profile)), salt = randomBytes(random, saltLength(profile));
  const Oracle theirSender(profile, key, salt, ssrc_any_outbound, false);
  const auto receiver = makeSrtpReceiver(profile, key, salt);
  const Bytes plain = randomRtcp(random, 77);
  const Bytes theirs = run(&srtp_protect_rtcp, theirSender, plain);
  REQUIRE((theirs[theirs.size() - 4] & 0x80) == 0);
  Bytes flipped = theirs;
  flipped[flipped.size() - 4] ^= 0x80;
  CHECK(receiver->unprotectRtcp(flipped).error() == SrtpError::Authentication);
  Bytes opened = theirs;
  opened.resize(receiver->unprotectRtcp(opened).value());
  CHECK(opened == plain);
}
