// The VP8 payload descriptor (RFC 7741 section 4.2).
#pragma once

#include <cstdint>

#include "media/rtp/RtpPacket.hpp"

namespace sotto::rtp {

/// Absent fields are -1.
struct Vp8Descriptor {
  bool nonReference = false;      ///< N: can be dropped without affecting any other frame
  bool startOfPartition = false;  ///< S
  uint8_t partitionIndex = 0;     ///< PID, 0..7
  int32_t pictureId = -1;         ///< I: 7 or 15 bits
  bool longPictureId = false;     ///< M: 15 bits
  int16_t tl0PicIdx = -1;         ///< L
  int8_t temporalId = -1;         ///< T: TID 0..3
  bool layerSync = false;         ///< Y
  int8_t keyIndex = -1;           ///< K: KEYIDX 0..31
  uint8_t size = 0;               ///< bytes on the wire (set by parsing)

  static constexpr size_t maxSize = 6;
  /// S with PID 0: the frame begins here.
  bool startsFrame() const { return startOfPartition && partitionIndex == 0; }
  bool operator==(const Vp8Descriptor&) const = default;
};

tl::expected<Vp8Descriptor, ParseError> parseVp8Descriptor(base::ByteView payload);
/// Writes the fields that are there. Returns the size, or 0 when `out` is too small (maxSize always does).
size_t writeVp8Descriptor(const Vp8Descriptor& descriptor, base::MutableByteView out);

}  // namespace sotto::rtp
