// AES_CM_128_HMAC_SHA1_80 (RFC 3711) through libsrtp2, which seals and opens in place.
#include "media/srtp/LibSrtpSession.hpp"

#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include "media/srtp/PacketIndex.hpp"
#include "media/srtp/ReplayWindow.hpp"
#include "media/srtp/SsrcTable.hpp"

namespace sotto::srtp {
namespace {

constexpr size_t masterKeyLength = 16;
constexpr size_t masterSaltLength = 14;
constexpr size_t rtpTag = 10;
constexpr size_t rtcpTag = 14;  ///< tag and the word of E flag and index
/// A sender only looks back to re-seal the very same packet; libsrtp2 takes less than 2^15.
constexpr unsigned long senderWindow = 0x4000;

SrtpError toError(srtp_err_status_t status) {
  switch (status) {
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
      return SrtpError::Replayed;
    case srtp_err_status_key_expired:
      return SrtpError::KeyUsedUp;
    case srtp_err_status_parse_err:
    case srtp_err_status_bad_param:
      return SrtpError::Malformed;
    default:
      return SrtpError::Authentication;
  }
}

class Session {
 public:
  Session(base::ByteView key, base::ByteView salt, srtp_ssrc_type_t direction) {
    static const srtp_err_status_t started = srtp_init();
    if (started != srtp_err_status_ok || key.size() != masterKeyLength || salt.size() != masterSaltLength) {
      throw std::runtime_error("SRTP with a key or salt of a wrong size, or libsrtp2 did not start");
    }
    std::array<uint8_t, masterKeyLength + masterSaltLength> master{};
    std::copy(salt.begin(), salt.end(), std::copy(key.begin(), key.end(), master.begin()));
    srtp_policy_t policy{};
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    policy.ssrc.type = direction;
    policy.key = master.data();
    policy.window_size = direction == ssrc_any_outbound ? senderWindow : ReplayWindow::size;
    policy.allow_repeat_tx = 1;
    const srtp_err_status_t status = srtp_create(&session_, &policy);
    if (status != srtp_err_status_ok) {
      throw std::runtime_error("libsrtp2 refused a session: status " + std::to_string(status));
    }
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { srtp_dealloc(session_); }
  srtp_t get() const { return session_; }

 private:
  srtp_t session_ = nullptr;
};

class LibSrtpSender final : public SrtpSender {
 public:
  LibSrtpSender(base::ByteView key, base::ByteView salt) : session_(key, salt, ssrc_any_outbound) {}

  tl::expected<size_t, SrtpError> protectRtp(base::ByteView header, base::ByteView payloadPrefix,
                                             base::ByteView payload, base::MutableByteView out) override {
    if (rtpHeaderLength(header) != header.size()) return tl::make_unexpected(SrtpError::Malformed);
    const size_t plain = header.size() + payloadPrefix.size() + payload.size();
    if (plain + rtpTag > out.size()) return tl::make_unexpected(SrtpError::NoRoom);
    auto end = std::copy(header.begin(), header.end(), out.begin());
    end = std::copy(payloadPrefix.begin(), payloadPrefix.end(), end);
    std::copy(payload.begin(), payload.end(), end);
    int size = static_cast<int>(plain);
    const srtp_err_status_t status = srtp_protect(session_.get(), out.data(), &size);
    if (status != srtp_err_status_ok) return tl::make_unexpected(toError(status));
    return static_cast<size_t>(size);
  }

  tl::expected<size_t, SrtpError> protectRtcp(base::ByteView packet, base::MutableByteView out) override {
    if (packet.size() < rtcpClearHeader) return tl::make_unexpected(SrtpError::Malformed);
    if (packet.size() + rtcpTag > out.size()) return tl::make_unexpected(SrtpError::NoRoom);
    std::copy(packet.begin(), packet.end(), out.begin());
    int size = static_cast<int>(packet.size());
    const srtp_err_status_t status = srtp_protect_rtcp(session_.get(), out.data(), &size);
    if (status != srtp_err_status_ok) return tl::make_unexpected(toError(status));
    return static_cast<size_t>(size);
  }

 private:
  Session session_;
};

class LibSrtpReceiver final : public SrtpReceiver {
 public:
  LibSrtpReceiver(base::ByteView key, base::ByteView salt) : session_(key, salt, ssrc_any_inbound) {}

  tl::expected<size_t, SrtpError> unprotectRtp(base::MutableByteView packet) override {
    const std::optional<size_t> header = rtpHeaderLength(packet);
    if (!header || packet.size() < *header + rtpTag) return tl::make_unexpected(SrtpError::Malformed);
    return open(packet, base::loadU32(&packet[8]), &srtp_unprotect);
  }
  tl::expected<size_t, SrtpError> unprotectRtcp(base::MutableByteView packet) override {
    if (packet.size() < rtcpClearHeader + rtcpTag || packet[0] >> 6 != 2) {
      return tl::make_unexpected(SrtpError::Malformed);
    }
    return open(packet, base::loadU32(&packet[4]), &srtp_unprotect_rtcp);
  }

 private:
  tl::expected<size_t, SrtpError> open(base::MutableByteView packet, uint32_t ssrc,
                                       srtp_err_status_t (*unprotect)(srtp_t, void*, int*)) {
    const bool known = ssrcs_.find(ssrc) != nullptr;
    if (!known && ssrcs_.size() == maxReceivedSsrcs) return tl::make_unexpected(SrtpError::TooManySsrcs);
    int size = static_cast<int>(packet.size());
    const srtp_err_status_t status = unprotect(session_.get(), packet.data(), &size);
    if (status != srtp_err_status_ok) return tl::make_unexpected(toError(status));
    if (!known) ssrcs_.insert(ssrc);
    return static_cast<size_t>(size);
  }

  struct Nothing {};
  Session session_;
  SsrcTable<Nothing> ssrcs_;  ///< authenticated ones: libsrtp2 itself keeps a state for each without bound
};

}  // namespace

std::unique_ptr<SrtpSender> makeLibSrtpSender(base::ByteView key, base::ByteView salt) {
  return std::make_unique<LibSrtpSender>(key, salt);
}
std::unique_ptr<SrtpReceiver> makeLibSrtpReceiver(base::ByteView key, base::ByteView salt) {
  return std::make_unique<LibSrtpReceiver>(key, salt);
}

}  // namespace sotto::srtp
