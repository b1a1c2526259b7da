// Names and hexadecimal forms of what is published about keys; see the header.
#include "client/native/e2ee/KeyProvider.hpp"

#include <algorithm>

namespace sotto::client::e2ee {
namespace {

std::optional<uint8_t> digitValue(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::string_view suiteName(frame::Suite suite) {
  switch (suite) {
    case frame::Suite::Duo:
      return "duo";
    case frame::Suite::Aes128Gcm:
      return "aes128gcm";
    case frame::Suite::Aes256Gcm:
      return "aes256gcm";
  }
  return "unknown";
}

std::optional<frame::Suite> suiteFromName(std::string_view name) {
  for (const frame::Suite suite : allSuites) {
    if (name == suiteName(suite)) return suite;
  }
  return std::nullopt;
}

std::optional<SecretBytes> secretFromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  SecretBytes out(hex.size() / 2);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto high = digitValue(hex[2 * i]), low = digitValue(hex[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    out.writable()[i] = static_cast<uint8_t>(*high << 4 | *low);
  }
  return out;
}

std::string PublishedKeyInfo::saltHex() const {
  static constexpr char digits[] = "0123456789abcdef";
  if (!salt) return {};
  std::string text;
  for (const uint8_t byte : *salt) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

base::Expected<PublishedKeyInfo> PublishedKeyInfo::parse(std::string_view suite, std::string_view saltHex) {
  PublishedKeyInfo info;
  const auto known = suiteFromName(suite);
  if (!known) {
    return base::fail("unknown suite \"" + std::string(suite) + "\", expected duo, aes128gcm or aes256gcm");
  }
  info.suite = *known;
  if (saltHex.empty()) return info;
  const auto bytes = secretFromHex(saltHex);
  if (!bytes || bytes->size() != saltSize) return base::fail("the key salt is not 32 hexadecimal digits");
  std::copy(bytes->view().begin(), bytes->view().end(), info.salt.emplace().begin());
  return info;
}

}  // namespace sotto::client::e2ee
