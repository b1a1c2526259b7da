// SRTP (RFC 7714 section 8) and SRTCP (section 9) with AES-GCM.
#include "media/srtp/GcmSession.hpp"

#include <algorithm>

#include "media/srtp/KeyDerivation.hpp"
#include "media/srtp/PacketIndex.hpp"

namespace sotto::srtp {
namespace {

constexpr size_t tagLength = GcmKey::tagLength;
constexpr size_t trailerLength = 4;  ///< SRTCP: E flag and index
constexpr uint32_t encryptedFlag = 0x8000'0000;
constexpr uint32_t lastRtcpIndex = 0x7fff'ffff;
constexpr uint64_t lastRtpIndex = 0xffff'ffff'ffff;  ///< 48 bits: 32 of roll-over counter, 16 of sequence

}  // namespace

GcmSessionKeys GcmSessionKeys::derive(base::ByteView masterKey, base::ByteView masterSalt) {
  GcmSessionKeys keys;
  const auto fill = [&](std::vector<uint8_t>& out, KeyLabel label, size_t length) {
    out.resize(length);
    deriveKey(masterKey, masterSalt, label, out);
  };
  fill(keys.rtpKey, KeyLabel::RtpCipherKey, masterKey.size());
  fill(keys.rtpSalt, KeyLabel::RtpCipherSalt, GcmKey::saltLength);
  fill(keys.rtcpKey, KeyLabel::RtcpCipherKey, masterKey.size());
  fill(keys.rtcpSalt, KeyLabel::RtcpCipherSalt, GcmKey::saltLength);
  return keys;
}

GcmSender::GcmSender(const GcmSessionKeys& keys)
    : rtp_(keys.rtpKey, keys.rtpSalt, GcmKey::Direction::Seal),
      rtcp_(keys.rtcpKey, keys.rtcpSalt, GcmKey::Direction::Seal) {}

tl::expected<size_t, SrtpError> GcmSender::protectRtp(base::ByteView header, base::ByteView payloadPrefix,
                                                      base::ByteView payload, base::MutableByteView out) {
  if (rtpHeaderLength(header) != header.size()) return tl::make_unexpected(SrtpError::Malformed);
  const size_t size = header.size() + payloadPrefix.size() + payload.size() + tagLength;
  if (size > out.size()) return tl::make_unexpected(SrtpError::NoRoom);

  const uint32_t ssrc = base::loadU32(&header[8]);
  const uint16_t sequence = base::loadU16(&header[2]);
  Stream& stream = streams_.insert(ssrc);
  const uint64_t index = stream.started ? guessPacketIndex(stream.highest, sequence) : sequence;
  if (index > lastRtpIndex) return tl::make_unexpected(SrtpError::KeyUsedUp);
  stream.highest = std::max(stream.highest, index);
  stream.started = true;

  std::copy(header.begin(), header.end(), out.begin());
  uint8_t* text = out.data() + header.size();
  if (!rtp_.begin(rtp_.rtpIv(ssrc, index)) || !rtp_.associate(header) ||
      !rtp_.transform(payloadPrefix, text) || !rtp_.transform(payload, text + payloadPrefix.size()) ||
      !rtp_.finishSeal(text + payloadPrefix.size() + payload.size())) {
    return tl::make_unexpected(SrtpError::Authentication);
  }
  return size;
}

tl::expected<size_t, SrtpError> GcmSender::protectRtcp(base::ByteView packet, base::MutableByteView out) {
  if (packet.size() < rtcpClearHeader) return tl::make_unexpected(SrtpError::Malformed);
  const size_t size = packet.size() + tagLength + trailerLength;
  if (size > out.size()) return tl::make_unexpected(SrtpError::NoRoom);
  if (rtcpIndex_ == lastRtcpIndex) return tl::make_unexpected(SrtpError::KeyUsedUp);
  const uint32_t index = ++rtcpIndex_;

  const base::ByteView header = packet.first(rtcpClearHeader);
  std::copy(header.begin(), header.end(), out.begin());
  uint8_t* trailer = out.data() + packet.size() + tagLength;
  base::storeU32(trailer, encryptedFlag | index);
  if (!rtcp_.begin(rtcp_.rtcpIv(base::loadU32(&packet[4]), index)) || !rtcp_.associate(header) ||
      !rtcp_.associate({trailer, trailerLength}) ||
      !rtcp_.transform(packet.subspan(rtcpClearHeader), out.data() + rtcpClearHeader) ||
      !rtcp_.finishSeal(out.data() + packet.size())) {
    return tl::make_unexpected(SrtpError::Authentication);
  }
  return size;
}

GcmReceiver::GcmReceiver(const GcmSessionKeys& keys)
    : rtp_(keys.rtpKey, keys.rtpSalt, GcmKey::Direction::Open),
      rtcp_(keys.rtcpKey, keys.rtcpSalt, GcmKey::Direction::Open) {}

tl::expected<size_t, SrtpError> GcmReceiver::unprotectRtp(base::MutableByteView packet) {
  const std::optional<size_t> header = rtpHeaderLength(packet);
  if (!header || packet.size() < *header + tagLength) return tl::make_unexpected(SrtpError::Malformed);

  const uint32_t ssrc = base::loadU32(&packet[8]);
  const uint16_t sequence = base::loadU16(&packet[2]);
  Stream* stream = streams_.find(ssrc);
  if (stream == nullptr && streams_.size() == maxReceivedSsrcs) {
    return tl::make_unexpected(SrtpError::TooManySsrcs);
  }
  const bool started = stream != nullptr && stream->rtp.started();
  const uint64_t index = started ? guessPacketIndex(stream->rtp.highest(), sequence) : sequence;
  if (index > lastRtpIndex) return tl::make_unexpected(SrtpError::KeyUsedUp);
  if (started && !stream->rtp.accepts(index)) return tl::make_unexpected(SrtpError::Replayed);

  const size_t textEnd = packet.size() - tagLength;
  const base::MutableByteView text = packet.subspan(*header, textEnd - *header);
  if (!rtp_.begin(rtp_.rtpIv(ssrc, index)) || !rtp_.associate(packet.first(*header)) ||
      !rtp_.transform(text, text.data()) || !rtp_.finishOpen(&packet[textEnd])) {
    return tl::make_unexpected(SrtpError::Authentication);
  }
  if (stream == nullptr) stream = &streams_.insert(ssrc);
  stream->rtp.mark(index);
  return textEnd;
}

tl::expected<size_t, SrtpError> GcmReceiver::unprotectRtcp(base::MutableByteView packet) {
  if (packet.size() < rtcpClearHeader + tagLength + trailerLength || packet[0] >> 6 != 2) {
    return tl::make_unexpected(SrtpError::Malformed);
  }
  const uint32_t ssrc = base::loadU32(&packet[4]);
  const uint32_t trailer = base::loadU32(&packet[packet.size() - trailerLength]);
  const uint32_t index = trailer & lastRtcpIndex;
  Stream* stream = streams_.find(ssrc);
  if (stream == nullptr && streams_.size() == maxReceivedSsrcs) {
    return tl::make_unexpected(SrtpError::TooManySsrcs);
  }
  if (stream != nullptr && !stream->rtcp.accepts(index)) return tl::make_unexpected(SrtpError::Replayed);

  const size_t textEnd = packet.size() - tagLength - trailerLength;
  if (!openRtcp(packet, textEnd, trailer)) return tl::make_unexpected(SrtpError::Authentication);
  if (stream == nullptr) stream = &streams_.insert(ssrc);
  stream->rtcp.mark(index);
  return textEnd;
}

bool GcmReceiver::openRtcp(base::MutableByteView packet, size_t textEnd, uint32_t trailer) {
  const base::ByteView trailerBytes = packet.last(trailerLength);
  const uint8_t* tag = &packet[textEnd];
  if (!rtcp_.begin(rtcp_.rtcpIv(base::loadU32(&packet[4]), trailer & lastRtcpIndex))) return false;
  // Without the E flag the packet is only authenticated, all of it associated data (RFC 7714 section 9.3).
  if ((trailer & encryptedFlag) == 0) {
    return rtcp_.associate(packet.first(textEnd)) && rtcp_.associate(trailerBytes) && rtcp_.finishOpen(tag);
  }
  const base::MutableByteView text = packet.subspan(rtcpClearHeader, textEnd - rtcpClearHeader);
  return rtcp_.associate(packet.first(rtcpClearHeader)) && rtcp_.associate(trailerBytes) &&
         rtcp_.transform(text, text.data()) && rtcp_.finishOpen(tag);
}

}  // namespace sotto::srtp
