// The facts of each SRTP profile (RFC 5764 section 4.1.2, RFC 7714 section 14.2) and the choice between the
// two implementations.
#include "media/srtp/SrtpSession.hpp"

#include <array>

#include "media/srtp/GcmSession.hpp"
#include "media/srtp/LibSrtpSession.hpp"

namespace sotto::srtp {

size_t keyLength(Profile profile) {
  return profile == Profile::AeadAes256Gcm ? 32 : 16;
}
size_t saltLength(Profile profile) {
  return profile == Profile::Aes128CmSha1_80 ? 14 : 12;
}
size_t rtpOverhead(Profile profile) {
  return profile == Profile::Aes128CmSha1_80 ? 10 : GcmKey::tagLength;
}
size_t rtcpOverhead(Profile profile) {
  return rtpOverhead(profile) + 4;
}

const char* toString(SrtpError error) {
  switch (error) {
    case SrtpError::Malformed:
      return "malformed";
    case SrtpError::Authentication:
      return "authentication";
    case SrtpError::Replayed:
      return "replayed";
    case SrtpError::NoRoom:
      return "no room";
    case SrtpError::KeyUsedUp:
      return "key used up";
    case SrtpError::TooManySsrcs:
      return "too many SSRCs";
  }
  return "unknown";
}

std::unique_ptr<SrtpSender> makeSrtpSender(Profile profile, base::ByteView key, base::ByteView salt) {
  if (profile == Profile::Aes128CmSha1_80) return makeLibSrtpSender(key, salt);
  return std::make_unique<GcmSender>(GcmSessionKeys::derive(key, salt));
}
std::unique_ptr<SrtpReceiver> makeSrtpReceiver(Profile profile, base::ByteView key, base::ByteView salt) {
  if (profile == Profile::Aes128CmSha1_80) return makeLibSrtpReceiver(key, salt);
  return std::make_unique<GcmReceiver>(GcmSessionKeys::derive(key, salt));
}

std::unique_ptr<SrtpSender> prepareSrtp() {
  for (Profile profile : {Profile::Aes128CmSha1_80, Profile::AeadAes128Gcm, Profile::AeadAes256Gcm}) {
    const std::vector<uint8_t> key(keyLength(profile)), salt(saltLength(profile));
    const auto sender = makeSrtpSender(profile, key, salt);
    const auto receiver = makeSrtpReceiver(profile, key, salt);
    const std::array<uint8_t, 12> header{0x80};
    std::array<uint8_t, 64> packet{};
    if (auto size = sender->protectRtp(header, {}, header, packet)) {
      static_cast<void>(receiver->unprotectRtp(base::MutableByteView(packet).first(*size)));
    }
  }
  const Profile libraryProfile = Profile::Aes128CmSha1_80;
  return makeSrtpSender(libraryProfile, std::vector<uint8_t>(keyLength(libraryProfile)),
                        std::vector<uint8_t>(saltLength(libraryProfile)));
}

}  // namespace sotto::srtp
