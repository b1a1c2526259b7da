// The VP9 payload descriptor (RFC 9628 section 4.2) and its scalability structure.
#pragma once

#include <array>
#include <cstdint>

#include "media/rtp/RtpPacket.hpp"

namespace sotto::rtp {

/// Absent fields are -1.
struct Vp9Descriptor {
  bool interPicturePredicted = false;   ///< P
  bool flexible = false;                ///< F
  bool startOfFrame = false;            ///< B
  bool endOfFrame = false;              ///< E
  bool notReferenceForSpatial = false;  ///< Z: upper spatial layers do not use this frame
  int32_t pictureId = -1;               ///< I: 7 or 15 bits
  bool longPictureId = false;           ///< M
  int8_t temporalId = -1;               ///< L: TID 0..7
  bool switchingUpPoint = false;        ///< U
  int8_t spatialId = -1;                ///< L: SID 0..7
  bool interLayerPredicted = false;     ///< D
  int16_t tl0PicIdx = -1;               ///< with L in non-flexible mode
  uint8_t referenceCount = 0;           ///< P_DIFF entries (flexible mode with P), 0..3
  std::array<uint8_t, 3> references{};  ///< P_DIFF, 7 bits each
  /// V: the scalability structure, verbatim: a view of the parsed payload, or what to write.
  base::ByteView scalabilityStructure;
  size_t size = 0;  ///< bytes on the wire (set by parsing)
};

tl::expected<Vp9Descriptor, ParseError> parseVp9Descriptor(base::ByteView payload);
/// Returns the size, or 0 when `out` is too small.
size_t writeVp9Descriptor(const Vp9Descriptor& descriptor, base::MutableByteView out);

/// The scalability structure taken apart (RFC 9628 section 4.2.1).
struct Vp9ScalabilityStructure {
  static constexpr size_t maxLayers = 8;
  uint8_t layerCount = 1;  ///< N_S + 1
  bool hasSizes = false;   ///< Y
  std::array<uint16_t, maxLayers> widths{}, heights{};
  struct Picture {
    uint8_t temporalId = 0;
    bool switchingUpPoint = false;
    uint8_t referenceCount = 0;
    std::array<uint8_t, 3> references{};  ///< P_DIFF
  };
  bool hasPictureGroup = false;       ///< G
  uint8_t pictureCount = 0;           ///< N_G
  std::array<Picture, 255> pictures;  ///< the first pictureCount are set
  size_t size = 0;                    ///< bytes on the wire
};
/// Reads a scalability structure from the front of `bytes`.
tl::expected<Vp9ScalabilityStructure, ParseError> parseVp9ScalabilityStructure(base::ByteView bytes);

}  // namespace sotto::rtp
