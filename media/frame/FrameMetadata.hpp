// The trailer of a sealed frame: all that the server knows of it. docs/frame-format.md has the layout.
// Every field is attacker-controlled: the server cannot check the MAC that covers it.
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"

namespace sotto::frame {

/// The SFrame suites that frames may name (the registry of RFC 9605 for 4 and 5).
enum class Suite : uint8_t { Aes128Gcm = 4, Aes256Gcm = 5, Duo = 0xD0 };

/// Length of the MAC or tag that lies between ciphertext and trailer: 32 (duo) or 16 bytes.
size_t macLength(Suite suite);

struct FrameMetadata {
  bool video = false;
  bool keyFrame = false;
  bool discardable = false;             ///< no later frame needs it
  bool temporalSwitchingPoint = false;  ///< decoding may go up to this temporal layer from here
  uint8_t spatialIndex = 0;             ///< 0..7; simulcast: rank of the layer, lowest 0
  uint8_t temporalIndex = 0;            ///< 0..7
  uint16_t width = 0, height = 0;       ///< pixels; 0 when the trailer has none (always there on key frames)
  uint64_t keyId = 0;                   ///< KID = sender << 16 | generation << 8 | step
  uint64_t counter = 0;                 ///< CTR
  uint16_t clearLength = 0;             ///< bytes at the front that a packetizer reads in clear
  Suite suite = Suite::Duo;

  uint16_t sender() const { return static_cast<uint16_t>(keyId >> 16); }
  bool operator==(const FrameMetadata&) const = default;

  /// Version byte at the very end of every sealed frame.
  static constexpr uint8_t version = 0x51;
  /// flags + layer + size + sframe header (1..17) + clear_len + suite + length + version
  static constexpr size_t maxEncodedSize = 1 + 1 + 4 + 17 + 2 + 1 + 1 + 1;
};

enum class MetadataError : uint8_t {
  TooShort,      ///< the frame is smaller than the smallest trailer
  Version,       ///< last byte is not 0x51
  Length,        ///< length byte is below the minimum or past the frame
  Flags,         ///< reserved bits set, or a key frame without a size
  Layer,         ///< reserved bits of the layer byte set
  SFrameHeader,  ///< header not minimal, or it does not fill the room between the other fields
  Suite,         ///< unknown suite
  ClearLength,   ///< clear prefix + MAC + trailer exceed the frame
  Sender,        ///< KID with a sender of 0 or beyond 16 bits
};
const char* toString(MetadataError error);

/// A parsed trailer and how many bytes at the end of the frame it takes.
struct ParsedMetadata {
  FrameMetadata metadata;
  size_t encodedSize = 0;
};

/// Reads the trailer from the end of a sealed frame. Allocates nothing.
tl::expected<ParsedMetadata, MetadataError> parseFrameMetadata(base::ByteView sealedFrame);

/// Writes the trailer of `metadata`; returns its size, or 0 when `out` is too small (maxEncodedSize always
/// does). The size fields are written when width and height are not both 0, or on key frames.
size_t writeFrameMetadata(const FrameMetadata& metadata, base::MutableByteView out);

/// The SFrame header of RFC 9605 section 4.3 (config byte, KID, CTR; minimal form), 1..17 bytes; 0 when too
/// small.
size_t writeSFrameHeader(uint64_t keyId, uint64_t counter, base::MutableByteView out);

}  // namespace sotto::frame
