// RTP packets on the wire (RFC 3550 section 5.1) with header extensions (RFC 8285): a bounds-checked view for
// reading, a header writer for sending.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"

namespace sotto::rtp {

enum class ParseError : uint8_t { Truncated, Version, BadLength, BadPadding, BadValue };
const char* toString(ParseError error);

/// RFC 5761 section 4: second byte 192..223 is RTCP. Only looks at the first two bytes.
bool looksLikeRtcp(base::ByteView datagram);
/// First byte 128..191 (RFC 7983) and at least 12 bytes.
bool looksLikeRtp(base::ByteView datagram);

/// A view of a received packet; valid as long as its bytes are.
class RtpPacketView {
 public:
  /// Checks version, CSRC count, extension length, padding. Allocates nothing.
  static tl::expected<RtpPacketView, ParseError> parse(base::ByteView packet);

  bool marker = false;
  uint8_t payloadType = 0;
  uint16_t sequenceNumber = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  size_t headerSize = 0;  ///< fixed header, CSRCs and extension block
  size_t paddingSize = 0;

  /// Between header and padding.
  base::ByteView payload() const {
    return packet_.subspan(headerSize, packet_.size() - headerSize - paddingSize);
  }
  base::ByteView packet() const { return packet_; }
  /// The extension element with this id (one- or two-byte form); nullopt when absent or id is 0.
  std::optional<base::ByteView> extension(uint8_t id) const;
  std::string_view extensionText(uint8_t id) const;  ///< empty when absent

 private:
  base::ByteView packet_;
  uint16_t extensionProfile_ = 0;
  base::ByteView extensions_;
};

/// One header extension element to write; `id` 0 leaves it out.
struct ExtensionElement {
  uint8_t id = 0;
  base::ByteView value;  ///< 1..16 bytes in one-byte form
};

struct RtpHeader {
  bool marker = false;
  uint8_t payloadType = 0;
  uint16_t sequenceNumber = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
};
/// Writes the fixed header and, when any element has an id, an extension block (one-byte form when every id
/// is at most 14 and every value 1..16 bytes long, else two-byte form). Returns its size, or 0 when `out` is
/// too small.
size_t writeRtpHeader(const RtpHeader& header, std::span<const ExtensionElement> extensions,
                      base::MutableByteView out);

}  // namespace sotto::rtp
