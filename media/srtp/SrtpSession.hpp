// SRTP and SRTCP of one direction with one peer: RFC 3711 and RFC 7714. AES-GCM goes straight to OpenSSL EVP
// with one context for each key; AES_CM_128_HMAC_SHA1_80 goes through libsrtp2.
#pragma once

#include <cstdint>
#include <memory>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"

namespace sotto::srtp {

/// SRTP protection profiles by their number in RFC 5764 / RFC 7714.
enum class Profile : uint16_t { Aes128CmSha1_80 = 0x0001, AeadAes128Gcm = 0x0007, AeadAes256Gcm = 0x0008 };

/// Bytes of master key and master salt that the profile takes from the DTLS exporter.
size_t keyLength(Profile profile);
size_t saltLength(Profile profile);
/// Largest growth of a packet: SRTP tag; SRTCP adds four more bytes for E flag and index.
size_t rtpOverhead(Profile profile);
size_t rtcpOverhead(Profile profile);

/// NoRoom: the caller's buffer is too small. KeyUsedUp: 2^48 packets of one SSRC or 2^31 of RTCP went under
/// one key. TooManySsrcs: maxReceivedSsrcs are known already and this is another.
enum class SrtpError : uint8_t { Malformed, Authentication, Replayed, NoRoom, KeyUsedUp, TooManySsrcs };
const char* toString(SrtpError error);

/// Seals packets towards one peer. Any number of SSRCs; the roll-over counter is kept for each SSRC.
/// Sequence numbers of an SSRC must be sent in order, give or take 2^15 (retransmissions of the very same
/// packet are re-sealed identically, which is harmless).
class SrtpSender {
 public:
  virtual ~SrtpSender() = default;
  /// `header` is the whole RTP header (with CSRCs and extension); `payloadPrefix` (payload descriptor, RTX
  /// sequence number; may be empty) and `payload` follow it and are encrypted. Writes the SRTP packet to
  /// `out` and returns its size. The pieces are gathered, so that a shared frame is sealed straight from
  /// where it lies. `out` must not overlap them; it needs the sum of their sizes + rtpOverhead().
  virtual tl::expected<size_t, SrtpError> protectRtp(base::ByteView header, base::ByteView payloadPrefix,
                                                     base::ByteView payload, base::MutableByteView out) = 0;
  /// Seals one (compound) RTCP packet. Returns the SRTCP packet's size.
  virtual tl::expected<size_t, SrtpError> protectRtcp(base::ByteView packet, base::MutableByteView out) = 0;
};

/// Above any number of streams that one participant sends in the life of a connection.
constexpr size_t maxReceivedSsrcs = 256;

/// Opens packets from one peer, with a replay window of at least 128 packets for each SSRC and for SRTCP.
/// An unknown SSRC costs memory only once its packet has been authenticated; at most 256 SSRCs are kept.
/// Packets of further SSRCs are refused: forgetting an old one would let its packets be replayed.
class SrtpReceiver {
 public:
  virtual ~SrtpReceiver() = default;
  /// Opens in place; returns the plain packet's size. After an error the packet's bytes are undefined and no
  /// state has changed.
  virtual tl::expected<size_t, SrtpError> unprotectRtp(base::MutableByteView packet) = 0;
  virtual tl::expected<size_t, SrtpError> unprotectRtcp(base::MutableByteView packet) = 0;
};

/// `key` and `salt` have keyLength() and saltLength() bytes.
std::unique_ptr<SrtpSender> makeSrtpSender(Profile profile, base::ByteView key, base::ByteView salt);
std::unique_ptr<SrtpReceiver> makeSrtpReceiver(Profile profile, base::ByteView key, base::ByteView salt);

/// Opens and seals once with every profile, so that the libraries load what they load lazily. A process that
/// gives up its right to open files calls this first and keeps what is returned for as long as it makes
/// sessions: with the last session of its own, libsrtp2's NSS would unload what it could not load again.
/// Throws std::runtime_error as the makers above do.
[[nodiscard]] std::unique_ptr<SrtpSender> prepareSrtp();

}  // namespace sotto::srtp
