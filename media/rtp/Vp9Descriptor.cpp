#include "media/rtp/Vp9Descriptor.hpp"

namespace sotto::rtp {
namespace {

void readPictureId(base::ByteReader& in, Vp9Descriptor& descriptor) {
  descriptor.pictureId = in.u8();
  if (descriptor.pictureId & 0x80) {
    descriptor.longPictureId = true;
    descriptor.pictureId = (descriptor.pictureId & 0x7F) << 8 | in.u8();
  }
}

void readLayer(base::ByteReader& in, Vp9Descriptor& descriptor) {
  const uint8_t layer = in.u8();
  descriptor.temporalId = static_cast<int8_t>(layer >> 5);
  descriptor.switchingUpPoint = layer & 0x10;
  descriptor.spatialId = static_cast<int8_t>(layer >> 1 & 0x07);
  descriptor.interLayerPredicted = layer & 0x01;
  if (!descriptor.flexible) descriptor.tl0PicIdx = in.u8();
}

/// False when a fourth P_DIFF is announced: the format ends after three.
bool readReferences(base::ByteReader& in, Vp9Descriptor& descriptor) {
  bool more = true;
  while (more && in.ok()) {
    if (descriptor.referenceCount == descriptor.references.size()) return false;
    const uint8_t entry = in.u8();
    descriptor.references[descriptor.referenceCount++] = entry >> 1;
    more = entry & 0x01;
  }
  return true;
}

void readPictureGroup(base::ByteReader& in, Vp9ScalabilityStructure& structure) {
  structure.pictureCount = in.u8();
  for (unsigned i = 0; i < structure.pictureCount && in.ok(); ++i) {
    Vp9ScalabilityStructure::Picture& picture = structure.pictures[i];
    const uint8_t head = in.u8();
    picture.temporalId = head >> 5;
    picture.switchingUpPoint = head & 0x10;
    picture.referenceCount = head >> 2 & 0x03;
    for (unsigned r = 0; r < picture.referenceCount; ++r) picture.references[r] = in.u8();
  }
}

}  // namespace

tl::expected<Vp9ScalabilityStructure, ParseError> parseVp9ScalabilityStructure(base::ByteView bytes) {
  base::ByteReader in(bytes);
  Vp9ScalabilityStructure structure;
  const uint8_t head = in.u8();
  structure.layerCount = static_cast<uint8_t>((head >> 5) + 1);
  structure.hasSizes = head & 0x10;
  structure.hasPictureGroup = head & 0x08;
  if (structure.hasSizes) {
    for (unsigned i = 0; i < structure.layerCount; ++i) {
      structure.widths[i] = in.u16();
      structure.heights[i] = in.u16();
    }
  }
  if (structure.hasPictureGroup) readPictureGroup(in, structure);
  if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
  structure.size = in.position();
  return structure;
}

tl::expected<Vp9Descriptor, ParseError> parseVp9Descriptor(base::ByteView payload) {
  base::ByteReader in(payload);
  Vp9Descriptor descriptor;
  const uint8_t first = in.u8();
  descriptor.interPicturePredicted = first & 0x40;
  descriptor.flexible = first & 0x10;
  descriptor.startOfFrame = first & 0x08;
  descriptor.endOfFrame = first & 0x04;
  descriptor.notReferenceForSpatial = first & 0x01;
  if (first & 0x80) readPictureId(in, descriptor);
  if (first & 0x20) readLayer(in, descriptor);
  if (descriptor.flexible && descriptor.interPicturePredicted && !readReferences(in, descriptor)) {
    return tl::make_unexpected(ParseError::BadValue);
  }
  if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
  if (first & 0x02) {
    const auto structure = parseVp9ScalabilityStructure(in.rest());
    if (!structure) return tl::make_unexpected(structure.error());
    descriptor.scalabilityStructure = in.bytes(structure->size);
  }
  descriptor.size = in.position();
  return descriptor;
}

size_t writeVp9Descriptor(const Vp9Descriptor& descriptor, base::MutableByteView out) {
  const bool layers = descriptor.temporalId >= 0 || descriptor.spatialId >= 0;
  const bool structure = !descriptor.scalabilityStructure.empty();
  base::ByteWriter writer(out);
  writer.u8(static_cast<uint8_t>((descriptor.pictureId >= 0 ? 0x80 : 0) |
                                 (descriptor.interPicturePredicted ? 0x40 : 0) | (layers ? 0x20 : 0) |
                                 (descriptor.flexible ? 0x10 : 0) | (descriptor.startOfFrame ? 0x08 : 0) |
                                 (descriptor.endOfFrame ? 0x04 : 0) | (structure ? 0x02 : 0) |
                                 (descriptor.notReferenceForSpatial ? 0x01 : 0)));
  if (descriptor.pictureId >= 0) {
    if (descriptor.longPictureId || descriptor.pictureId > 0x7F) {
      writer.u16(static_cast<uint16_t>(0x8000 | (descriptor.pictureId & 0x7FFF)));
    } else {
      writer.u8(static_cast<uint8_t>(descriptor.pictureId));
    }
  }
  if (layers) {
    const int temporal = descriptor.temporalId < 0 ? 0 : descriptor.temporalId;
    const int spatial = descriptor.spatialId < 0 ? 0 : descriptor.spatialId;
    writer.u8(static_cast<uint8_t>((temporal & 7) << 5 | (descriptor.switchingUpPoint ? 0x10 : 0) |
                                   (spatial & 7) << 1 | (descriptor.interLayerPredicted ? 1 : 0)));
    if (!descriptor.flexible) writer.u8(static_cast<uint8_t>(descriptor.tl0PicIdx));
  }
  if (descriptor.flexible && descriptor.interPicturePredicted) {
    for (unsigned i = 0; i < descriptor.referenceCount; ++i) {
      const bool more = i + 1U < descriptor.referenceCount;
      writer.u8(static_cast<uint8_t>(descriptor.references[i] << 1 | (more ? 1 : 0)));
    }
  }
  writer.bytes(descriptor.scalabilityStructure);
  return writer.ok() ? writer.position() : 0;
}

}  // namespace sotto::rtp
