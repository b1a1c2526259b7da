#include "signaling/Identifiers.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sotto::signaling {
namespace {

/// Length of the UTF-8 sequence that begins `text` (RFC 3629), 0 when it is none.
size_t sequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool surrogateOrBeyond = (lead == 0xED && byte(1) > 0x9F) || (lead == 0xF4 && byte(1) > 0x8F);
  return overlong || surrogateOrBeyond ? 0 : length;
}

}  // namespace

std::string randomHex(base::Random& random, size_t bytes) {
  std::vector<uint8_t> drawn(bytes);
  random.fill(drawn);
  std::string text;
  text.reserve(bytes * 2);
  for (const uint8_t byte : drawn) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

bool equalSecrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool isDisplayable(std::string_view text, size_t maxBytes) {
  if (text.empty() || text.size() > maxBytes) return false;
  while (!text.empty()) {
    const uint8_t lead = static_cast<uint8_t>(text[0]);
    const size_t length = sequenceLength(text);
    if (length == 0 || lead < 0x20 || lead == 0x7F) return false;
    if (lead == 0xC2 && static_cast<uint8_t>(text[1]) < 0xA0) return false;  // C1 controls
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace sotto::signaling
