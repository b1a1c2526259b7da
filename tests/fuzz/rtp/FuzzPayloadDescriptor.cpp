// VP8 and VP9 payload descriptors and codec headers. A VP8 descriptor that parses is written again as it was.
#include <array>
#include <cstdlib>

#include "media/rtp/Vp8Descriptor.hpp"
#include "media/rtp/Vp8FrameHeader.hpp"
#include "media/rtp/Vp9Descriptor.hpp"
#include "media/rtp/Vp9FrameHeader.hpp"

using namespace sotto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView bytes(data, size);
  rtp::parseVp8FrameHeader(bytes);
  rtp::parseVp9FrameHeader(bytes);
  if (const auto vp8 = rtp::parseVp8Descriptor(bytes)) {
    if (vp8->size > size) std::abort();
    std::array<uint8_t, rtp::Vp8Descriptor::maxSize> out{};
    const size_t written = rtp::writeVp8Descriptor(*vp8, out);
    auto again = rtp::parseVp8Descriptor(base::ByteView(out).first(written));
    if (!again) std::abort();
    again->size = vp8->size;  // an extension byte that announces nothing is not written
    if (!(*again == *vp8)) std::abort();
  }
  if (const auto vp9 = rtp::parseVp9Descriptor(bytes)) {
    if (vp9->size > size) std::abort();
    std::array<uint8_t, 2'048> out{};
    const size_t written = rtp::writeVp9Descriptor(*vp9, out);
    if (size <= out.size() && written != vp9->size) std::abort();
    if (!vp9->scalabilityStructure.empty()) {
      const auto structure = rtp::parseVp9ScalabilityStructure(vp9->scalabilityStructure);
      if (!structure || structure->size != vp9->scalabilityStructure.size()) std::abort();
    }
  }
  return 0;
}
