// SRTP and SRTCP with AES-GCM (RFC 7714). Made by makeSrtpSender and makeSrtpReceiver; here for tests that
// start from session keys instead of a master key.
#pragma once

#include <cstdint>
#include <vector>

#include "media/srtp/GcmKey.hpp"
#include "media/srtp/ReplayWindow.hpp"
#include "media/srtp/SrtpSession.hpp"
#include "media/srtp/SsrcTable.hpp"

namespace sotto::srtp {

/// Session keys and salts, after key derivation.
struct GcmSessionKeys {
  std::vector<uint8_t> rtpKey, rtpSalt, rtcpKey, rtcpSalt;
  static GcmSessionKeys derive(base::ByteView masterKey, base::ByteView masterSalt);
};

class GcmSender final : public SrtpSender {
 public:
  explicit GcmSender(const GcmSessionKeys& keys);
  tl::expected<size_t, SrtpError> protectRtp(base::ByteView header, base::ByteView payloadPrefix,
                                             base::ByteView payload, base::MutableByteView out) override;
  tl::expected<size_t, SrtpError> protectRtcp(base::ByteView packet, base::MutableByteView out) override;

 private:
  struct Stream {
    uint64_t highest = 0;
    bool started = false;
  };
  GcmKey rtp_, rtcp_;
  SsrcTable<Stream> streams_;
  /// One index for all SSRCs: it grows for each of them, and the SSRC is part of the initialization vector.
  uint32_t rtcpIndex_ = 0;
};

class GcmReceiver final : public SrtpReceiver {
 public:
  explicit GcmReceiver(const GcmSessionKeys& keys);
  tl::expected<size_t, SrtpError> unprotectRtp(base::MutableByteView packet) override;
  tl::expected<size_t, SrtpError> unprotectRtcp(base::MutableByteView packet) override;

 private:
  struct Stream {
    ReplayWindow rtp, rtcp;
  };
  bool openRtcp(base::MutableByteView packet, size_t textEnd, uint32_t trailer);

  GcmKey rtp_, rtcp_;
  SsrcTable<Stream> streams_;
};

}  // namespace sotto::srtp
