#include "signaling/Base64.hpp"

#include <array>
#include <cstdint>

namespace sotto::signaling {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t none = 0xFF;

constexpr std::array<uint8_t, 256> values = [] {
  std::array<uint8_t, 256> table{};
  table.fill(none);
  for (size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  return table;
}();

uint8_t valueOf(char c) {
  return values[static_cast<uint8_t>(c)];
}

}  // namespace

std::string encodeBase64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < count ? static_cast<uint8_t>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out += j <= count ? alphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

std::optional<size_t> base64Size(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return 0;
  size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  const size_t digits = text.size() - padding;
  for (const char c : text.substr(0, digits)) {
    if (valueOf(c) == none) return std::nullopt;
  }
  // With one sign of padding the last digit has two bits too many, with two it has four.
  const uint8_t spare = padding == 0 ? 0 : padding == 1 ? 0x03 : 0x0F;
  if ((valueOf(text[digits - 1]) & spare) != 0) return std::nullopt;
  return text.size() / 4 * 3 - padding;
}

std::optional<std::string> decodeBase64(std::string_view text) {
  const auto size = base64Size(text);
  if (!size) return std::nullopt;
  std::string out;
  out.reserve(*size + 2);
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    for (size_t j = 0; j < 4; ++j) group = group << 6 | (text[i + j] == '=' ? 0u : valueOf(text[i + j]));
    for (const int shift : {16, 8, 0}) out += static_cast<char>(group >> shift & 0xFF);
  }
  out.resize(*size);
  return out;
}

}  // namespace sotto::signaling
