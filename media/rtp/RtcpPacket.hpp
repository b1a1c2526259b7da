// RTCP packets and compound iteration (RFC 3550 section 6.1; reduced size as in RFC 5506).
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Bytes.hpp"
#include "media/rtp/RtpPacket.hpp"

namespace sotto::rtp {

/// Packet types (second byte of an RTCP header).
enum class RtcpType : uint8_t {
  SenderReport = 200,
  ReceiverReport = 201,
  SourceDescription = 202,
  Bye = 203,
  App = 204,
  TransportFeedback = 205,  ///< RTPFB, RFC 4585
  PayloadFeedback = 206,    ///< PSFB, RFC 4585
  ExtendedReport = 207,
};

/// The 5-bit count field as feedback message type (FMT) of RTPFB and PSFB packets.
inline constexpr uint8_t fmtNack = 1;  ///< RTPFB, RFC 4585 section 6.2.1
inline constexpr uint8_t fmtTransportWide =
    15;                                 ///< RTPFB, draft-holmer-rmcat-transport-wide-cc-extensions-01
inline constexpr uint8_t fmtPli = 1;    ///< PSFB, RFC 4585 section 6.3.1
inline constexpr uint8_t fmtFir = 4;    ///< PSFB, RFC 5104 section 4.3.1
inline constexpr uint8_t fmtRemb = 15;  ///< PSFB application layer feedback, draft-alvestrand-rmcat-remb

/// One packet of a compound. Valid as long as its bytes are.
struct RtcpPacketView {
  uint8_t type = 0;      ///< RtcpType, or a value that we do not know
  uint8_t count = 0;     ///< report, source or item count, or FMT
  base::ByteView body;   ///< after the 4-byte header, without padding (transport-wide feedback: with)
  base::ByteView whole;  ///< header and padding included

  bool is(RtcpType wanted) const { return type == static_cast<uint8_t>(wanted); }
  bool isFeedback(RtcpType wanted, uint8_t fmt) const { return is(wanted) && count == fmt; }
};

/// Walks the packets of one datagram: call next() until it returns nothing, then look at error().
class RtcpReader {
 public:
  explicit RtcpReader(base::ByteView compound) : rest_(compound) {}

  /// The next packet, or nullopt at the end or at the first malformed packet.
  std::optional<RtcpPacketView> next();
  /// Set when iteration stopped at a malformed packet.
  std::optional<ParseError> error() const { return error_; }

 private:
  std::optional<RtcpPacketView> fail(ParseError error);
  base::ByteView rest_;
  std::optional<ParseError> error_;
};

/// Writes the 4-byte header of a packet that is `packetSize` bytes long in all (a multiple of 4).
void writeRtcpHeader(base::ByteWriter& out, uint8_t count, RtcpType type, size_t packetSize);

}  // namespace sotto::rtp
