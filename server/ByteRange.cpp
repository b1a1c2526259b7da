#include "server/ByteRange.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace sotto::server {

std::optional<ByteRange> parseRange(std::string_view header, uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  const ByteRange whole{0, size, false};
  if (header.substr(0, unit.size()) != unit) return whole;
  header.remove_prefix(unit.size());
  const size_t dash = header.find('-');
  if (dash == header.npos) return whole;
  const auto number = [](std::string_view text) -> std::optional<uint64_t> {
    uint64_t value = 0;
    const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || stop != text.data() + text.size()) return std::nullopt;
    // Beyond what fits, all numbers are as good as endless.
    return status == std::errc() ? value : std::numeric_limits<uint64_t>::max();
  };
  const auto first = number(header.substr(0, dash));
  const auto last = number(header.substr(dash + 1));
  if (!first) {
    if (dash != 0 || !last) return whole;
    if (*last == 0 || size == 0) return std::nullopt;
    return ByteRange{size - std::min(size, *last), size, true};
  }
  if (!last && dash + 1 != header.size()) return whole;
  if (last && *last < *first) return whole;
  if (*first >= size) return std::nullopt;
  const uint64_t to = last ? std::min(size - 1, *last) + 1 : size;
  return ByteRange{*first, to, true};
}

}  // namespace sotto::server
