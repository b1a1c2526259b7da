// Configuration files: every one either loads, and then prints and loads again, or is explained.
#include <cstdlib>
#include <string_view>

#include "config/Loader.hpp"
#include "config/Printer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sotto::config;
  const Environment none = [](const std::string&) { return std::nullopt; };
  const auto result = loadText({reinterpret_cast<const char*>(data), size}, "fuzz", none);
  if (!result) {
    if (result.error().empty() || result.error()[0].toString().empty()) std::abort();
    return 0;
  }
  Config config = *result;
  config.auth.secret.clear();
  config.auth.development = true;
  const std::string printed = toYaml(config);
  const auto again = loadComplete(printed, "printed", none);
  if (!again || toYaml(*again) != printed) std::abort();
  return 0;
}
