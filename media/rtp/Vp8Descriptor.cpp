#include "media/rtp/Vp8Descriptor.hpp"

namespace sotto::rtp {
namespace {

void readExtension(base::ByteReader& in, Vp8Descriptor& descriptor) {
  const uint8_t present = in.u8();
  if (present & 0x80) {  // I
    descriptor.pictureId = in.u8();
    if (descriptor.pictureId & 0x80) {  // M
      descriptor.longPictureId = true;
      descriptor.pictureId = (descriptor.pictureId & 0x7F) << 8 | in.u8();
    }
  }
  if (present & 0x40) descriptor.tl0PicIdx = in.u8();  // L
  if (present & 0x30) {                                // T, K share a byte
    const uint8_t layer = in.u8();
    if (present & 0x20) {
      descriptor.temporalId = static_cast<int8_t>(layer >> 6);
      descriptor.layerSync = layer & 0x20;
    }
    if (present & 0x10) descriptor.keyIndex = static_cast<int8_t>(layer & 0x1F);
  }
}

}  // namespace

tl::expected<Vp8Descriptor, ParseError> parseVp8Descriptor(base::ByteView payload) {
  base::ByteReader in(payload);
  Vp8Descriptor descriptor;
  const uint8_t first = in.u8();
  descriptor.nonReference = first & 0x20;
  descriptor.startOfPartition = first & 0x10;
  descriptor.partitionIndex = first & 0x07;
  if (first & 0x80) readExtension(in, descriptor);
  if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
  descriptor.size = static_cast<uint8_t>(in.position());
  return descriptor;
}

size_t writeVp8Descriptor(const Vp8Descriptor& descriptor, base::MutableByteView out) {
  uint8_t present = 0;
  if (descriptor.pictureId >= 0) present |= 0x80;
  if (descriptor.tl0PicIdx >= 0) present |= 0x40;
  if (descriptor.temporalId >= 0) present |= 0x20;
  if (descriptor.keyIndex >= 0) present |= 0x10;
  base::ByteWriter writer(out);
  writer.u8(static_cast<uint8_t>((present != 0 ? 0x80 : 0) | (descriptor.nonReference ? 0x20 : 0) |
                                 (descriptor.startOfPartition ? 0x10 : 0) |
                                 (descriptor.partitionIndex & 0x07)));
  if (present != 0) writer.u8(present);
  if (present & 0x80) {
    if (descriptor.longPictureId || descriptor.pictureId > 0x7F) {
      writer.u16(static_cast<uint16_t>(0x8000 | (descriptor.pictureId & 0x7FFF)));
    } else {
      writer.u8(static_cast<uint8_t>(descriptor.pictureId));
    }
  }
  if (present & 0x40) writer.u8(static_cast<uint8_t>(descriptor.tl0PicIdx));
  if (present & 0x30) {
    const int temporal = descriptor.temporalId < 0 ? 0 : descriptor.temporalId;
    const int key = descriptor.keyIndex < 0 ? 0 : descriptor.keyIndex;
    writer.u8(static_cast<uint8_t>((temporal & 3) << 6 | (descriptor.layerSync ? 0x20 : 0) | (key & 0x1F)));
  }
  return writer.ok() ? writer.position() : 0;
}

}  // namespace sotto::rtp
