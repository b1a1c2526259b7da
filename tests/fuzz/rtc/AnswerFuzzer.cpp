// A server's SDP answer as the client reads it: refused with a sentence, or one answered line for each
// offered.
#include <cstdlib>
#include <vector>

#include "client/native/rtc/Negotiation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sotto;
  using namespace sotto::client::rtc;
  using Role = MediaLine::Role;
  const std::vector<MediaLine> lines{
      {"0", control::MediaKind::Audio, Role::Track, frame::CodecType::Opus, {}, 11, 0},
      {"1", control::MediaKind::Video, Role::Track, frame::CodecType::Vp8, {"q", "h", "f"}, 0, 0},
      {"2", control::MediaKind::Video, Role::Slot, frame::CodecType::Vp8, {}, 0, 0}};
  const auto answer = readAnswer({reinterpret_cast<const char*>(data), size}, lines);
  if (!answer) {
    if (answer.error().message.empty()) std::abort();
    return 0;
  }
  if (answer->lines.size() != lines.size() || answer->candidates.empty()) std::abort();
  return 0;
}
