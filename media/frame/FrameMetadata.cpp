#include "media/frame/FrameMetadata.hpp"

namespace sotto::frame {
namespace {

constexpr uint8_t flagVideo = 0x80;
constexpr uint8_t flagKeyFrame = 0x40;
constexpr uint8_t flagDiscardable = 0x20;
constexpr uint8_t flagSize = 0x10;
constexpr uint8_t flagSwitchingPoint = 0x08;
constexpr uint8_t reservedFlags = 0x07;
constexpr uint8_t reservedLayerBits = 0x03;
/// clear_len, suite, length, version: what follows the SFrame header.
constexpr size_t tailSize = 5;
/// flags and a one-byte SFrame header before the tail.
constexpr size_t minEncodedSize = 2 + tailSize;

bool isKnownSuite(uint8_t suite) {
  return suite == static_cast<uint8_t>(Suite::Aes128Gcm) || suite == static_cast<uint8_t>(Suite::Aes256Gcm) ||
         suite == static_cast<uint8_t>(Suite::Duo);
}

/// Bytes of the shortest big-endian form of `value`; at least 1.
size_t byteLength(uint64_t value) {
  size_t length = 1;
  while (value >>= 8) ++length;
  return length;
}

/// One half of the config byte: values to 7 stand there, larger ones follow in their shortest form. False
/// when it could be shorter.
bool readNumber(base::ByteReader& in, bool extended, uint8_t bits, uint64_t& value) {
  value = bits;
  if (!extended) return true;
  const base::ByteView bytes = in.bytes(static_cast<size_t>(bits) + 1);
  if (bytes.empty() || bytes[0] == 0) return false;
  value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return value > 7;
}

bool readSFrameHeader(base::ByteReader& in, FrameMetadata& metadata) {
  const uint8_t config = in.u8();
  return readNumber(in, config & 0x80, config >> 4 & 0x07, metadata.keyId) &&
         readNumber(in, config & 0x08, config & 0x07, metadata.counter) && in.ok();
}

/// The config nibble of a number: 0..7, or 8 | length - 1.
uint8_t configNibble(uint64_t value) {
  return static_cast<uint8_t>(value <= 7 ? value : 8 | (byteLength(value) - 1));
}

void writeNumber(base::ByteWriter& out, uint64_t value) {
  if (value <= 7) return;
  for (size_t i = byteLength(value); i-- > 0;) out.u8(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace

size_t macLength(Suite suite) {
  return suite == Suite::Duo ? 32 : 16;
}

const char* toString(MetadataError error) {
  switch (error) {
    case MetadataError::TooShort:
      return "too_short";
    case MetadataError::Version:
      return "version";
    case MetadataError::Length:
      return "length";
    case MetadataError::Flags:
      return "flags";
    case MetadataError::Layer:
      return "layer";
    case MetadataError::SFrameHeader:
      return "sframe_header";
    case MetadataError::Suite:
      return "suite";
    case MetadataError::ClearLength:
      return "clear_length";
    case MetadataError::Sender:
      return "sender";
  }
  return "unknown";
}

tl::expected<ParsedMetadata, MetadataError> parseFrameMetadata(base::ByteView sealedFrame) {
  const auto fail = [](MetadataError error) { return tl::make_unexpected(error); };
  const size_t frameSize = sealedFrame.size();
  if (frameSize < minEncodedSize) return fail(MetadataError::TooShort);
  if (sealedFrame[frameSize - 1] != FrameMetadata::version) return fail(MetadataError::Version);
  const size_t size = sealedFrame[frameSize - 2];
  if (size < minEncodedSize || size > frameSize) return fail(MetadataError::Length);

  ParsedMetadata parsed;
  parsed.encodedSize = size;
  FrameMetadata& metadata = parsed.metadata;
  base::ByteReader in(sealedFrame.last(size).first(size - tailSize));
  base::ByteReader tail(sealedFrame.last(tailSize));
  const uint8_t flags = in.u8();
  if (flags & reservedFlags) return fail(MetadataError::Flags);
  if (flags & flagKeyFrame && !(flags & flagSize)) return fail(MetadataError::Flags);
  metadata.video = flags & flagVideo;
  metadata.keyFrame = flags & flagKeyFrame;
  metadata.discardable = flags & flagDiscardable;
  metadata.temporalSwitchingPoint = flags & flagSwitchingPoint;
  if (metadata.video) {
    const uint8_t layer = in.u8();
    if (layer & reservedLayerBits) return fail(MetadataError::Layer);
    metadata.spatialIndex = layer >> 5;
    metadata.temporalIndex = layer >> 2 & 0x07;
  }
  if (flags & flagSize) {
    metadata.width = in.u16();
    metadata.height = in.u16();
  }
  if (!in.ok()) return fail(MetadataError::Length);
  if (!readSFrameHeader(in, metadata) || in.remaining() != 0) return fail(MetadataError::SFrameHeader);
  metadata.clearLength = tail.u16();
  const uint8_t suite = tail.u8();
  if (!isKnownSuite(suite)) return fail(MetadataError::Suite);
  metadata.suite = static_cast<Suite>(suite);
  if (metadata.clearLength + macLength(metadata.suite) + size > frameSize) {
    return fail(MetadataError::ClearLength);
  }
  const uint64_t sender = metadata.keyId >> 16;
  if (sender == 0 || sender > 0xFFFF) return fail(MetadataError::Sender);
  return parsed;
}

size_t writeFrameMetadata(const FrameMetadata& metadata, base::MutableByteView out) {
  const bool size = metadata.keyFrame || metadata.width != 0 || metadata.height != 0;
  base::ByteWriter writer(out);
  writer.u8(static_cast<uint8_t>((metadata.video ? flagVideo : 0) | (metadata.keyFrame ? flagKeyFrame : 0) |
                                 (metadata.discardable ? flagDiscardable : 0) | (size ? flagSize : 0) |
                                 (metadata.temporalSwitchingPoint ? flagSwitchingPoint : 0)));
  if (metadata.video) {
    writer.u8(static_cast<uint8_t>(metadata.spatialIndex << 5 | (metadata.temporalIndex & 0x07) << 2));
  }
  if (size) {
    writer.u16(metadata.width);
    writer.u16(metadata.height);
  }
  const size_t header = writeSFrameHeader(metadata.keyId, metadata.counter, out.subspan(writer.position()));
  if (!writer.ok() || header == 0) return 0;
  base::ByteWriter tail(out.subspan(writer.position() + header));
  tail.u16(metadata.clearLength);
  tail.u8(static_cast<uint8_t>(metadata.suite));
  tail.u8(static_cast<uint8_t>(writer.position() + header + tailSize));
  tail.u8(FrameMetadata::version);
  return tail.ok() ? writer.position() + header + tailSize : 0;
}

size_t writeSFrameHeader(uint64_t keyId, uint64_t counter, base::MutableByteView out) {
  base::ByteWriter writer(out);
  writer.u8(static_cast<uint8_t>(configNibble(keyId) << 4 | configNibble(counter)));
  writeNumber(writer, keyId);
  writeNumber(writer, counter);
  return writer.ok() ? writer.position() : 0;
}

}  // namespace sotto::frame
