#include "client/native/call/Base64.hpp"

namespace sotto::client::call {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 0..63, or 64 for what is not in the alphabet.
uint32_t valueOf(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<uint32_t>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<uint32_t>(c - '0' + 52);
  if (c == '+') return 62;
  return c == '/' ? 63 : 64;
}

}  // namespace

std::string toBase64(base::ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t n = 0; n < 3; ++n) group = group << 8 | (n < count ? bytes[i + n] : 0u);
    for (size_t n = 0; n < 4; ++n) text += n <= count ? alphabet[group >> (18 - 6 * n) & 63] : '=';
  }
  return text;
}

std::optional<std::vector<uint8_t>> fromBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const size_t padding = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
    uint32_t group = 0;
    for (size_t n = 0; n < 4; ++n) {
      const uint32_t value = n + padding >= 4 ? 0 : valueOf(text[i + n]);
      if (value > 63) return std::nullopt;
      group = group << 6 | value;
    }
    if ((group & ((1u << 8 * padding) - 1)) != 0) return std::nullopt;
    for (size_t n = 0; n + padding < 3; ++n) bytes.push_back(static_cast<uint8_t>(group >> (16 - 8 * n)));
  }
  return bytes;
}

}  // namespace sotto::client::call
