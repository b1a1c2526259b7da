#include "media/frame/DerivedMetadata.hpp"

#include "media/rtp/Vp8FrameHeader.hpp"
#include "media/rtp/Vp9Descriptor.hpp"
#include "media/rtp/Vp9FrameHeader.hpp"

namespace sotto::frame {
namespace {

/// In SVC the size of an upper layer stands in the scalability structure; its own header may leave it out.
void takeSizeFromStructure(Frame& frame) {
  const CodecInfo& info = frame.codecInfo;
  if (info.scalabilityStructureSize == 0) return;
  const auto structure = rtp::parseVp9ScalabilityStructure(
      base::ByteView(info.scalabilityStructure).first(info.scalabilityStructureSize));
  const unsigned layer = frame.metadata.spatialIndex;
  if (!structure || !structure->hasSizes || layer >= structure->layerCount) return;
  frame.metadata.width = structure->widths[layer];
  frame.metadata.height = structure->heights[layer];
}

}  // namespace

void deriveMetadata(Frame& frame) {
  const CodecInfo& info = frame.codecInfo;
  FrameMetadata& metadata = frame.metadata;
  metadata = FrameMetadata{};
  metadata.video = frame.codec != CodecType::Opus;
  if (!metadata.video) return;
  metadata.discardable = info.nonReference;
  metadata.temporalSwitchingPoint = info.layerSync;
  metadata.temporalIndex = static_cast<uint8_t>(info.temporalId < 0 ? 0 : info.temporalId);
  metadata.spatialIndex = static_cast<uint8_t>(info.spatialId < 0 ? 0 : info.spatialId);
  if (frame.codec == CodecType::Vp8) {
    if (const auto header = rtp::parseVp8FrameHeader(frame.payload())) {
      metadata.keyFrame = header->keyFrame;
      metadata.width = header->width;
      metadata.height = header->height;
    }
    return;
  }
  if (const auto header = rtp::parseVp9FrameHeader(frame.payload())) {
    metadata.keyFrame = header->keyFrame;
    metadata.width = header->width;
    metadata.height = header->height;
  }
  takeSizeFromStructure(frame);
}

}  // namespace sotto::frame
