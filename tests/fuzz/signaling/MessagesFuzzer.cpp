// Any text as a client's message.
#include <cstdlib>

#include "signaling/Messages.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sotto::signaling;
  const auto parsed = parseMessage({reinterpret_cast<const char*>(data), size}, Limits{});
  if (parsed ? parsed->id == 0 : parsed.error().error.message.empty()) std::abort();
  return 0;
}
