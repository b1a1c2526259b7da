#include "media/worker/Options.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::worker {
namespace {

std::optional<int> number(std::string_view text, int max) {
  int value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || value < 0 || value > max) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

base::Expected<Options> parseOptions(int argc, const char* const* argv) {
  std::optional<int> control;
  std::optional<int> port;
  std::optional<base::SocketAddress> address;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string_view value = argv[i + 1];
    if (name == "--control") {
      control = number(value, 1 << 20);
    } else if (name == "--port") {
      port = number(value, 65'535);
    } else if (name == "--address") {
      address = base::SocketAddress::parse(value == "*" ? "::" : value, 0);
    } else {
      return base::fail("unknown option " + std::string(name));
    }
  }
  if (argc % 2 == 0 || !control || !port || !address) {
    return base::fail(
        "expected --control FD --address IP|* --port 0..65535 (sotto-server starts this program itself)");
  }
  Options options{*control, *address};
  options.address.port = static_cast<uint16_t>(*port);
  return options;
}

}  // namespace sotto::worker
