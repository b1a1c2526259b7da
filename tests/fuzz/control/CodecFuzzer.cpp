// Messages between server and worker: whatever decodes must encode to something that decodes to the same.
#include <cstdlib>
#include <string_view>

#include "media/control/Codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sotto::control;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto request = decodeRequest(text)) {
    const std::string once = encode(*request);
    const auto again = decodeRequest(once);
    if (!again || encode(*again) != once) std::abort();
  }
  if (const auto message = decodeWorkerMessage(text)) {
    const auto encodeAny = [](const WorkerMessage& any) {
      return std::visit([](const auto& known) { return encode(known); }, any);
    };
    const std::string once = encodeAny(*message);
    const auto again = decodeWorkerMessage(once);
    if (!again || encodeAny(*again) != once) std::abort();
  }
  return 0;
}
