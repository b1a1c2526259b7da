// Trailers: what parses, written again, is byte for byte what was read (but for a size of 0x0, which is left
// out on delta frames).
#include <algorithm>
#include <array>
#include <cstdlib>

#include "media/frame/FrameMetadata.hpp"

using namespace sotto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView frame(data, size);
  const auto parsed = frame::parseFrameMetadata(frame);
  if (!parsed) return 0;
  if (parsed->encodedSize > size) std::abort();
  const base::ByteView read = frame.last(parsed->encodedSize);
  std::array<uint8_t, frame::FrameMetadata::maxEncodedSize> out{};
  const size_t written = frame::writeFrameMetadata(parsed->metadata, out);
  const bool emptySize = read[0] & 0x10 && parsed->metadata.width == 0 && parsed->metadata.height == 0;
  if (emptySize) return 0;
  if (!std::equal(read.begin(), read.end(), out.begin(), out.begin() + static_cast<ptrdiff_t>(written))) {
    std::abort();
  }
  return 0;
}
