// Shared by the tests of frame sealing: hexadecimal, vector files, and ready-made keys and frames.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/native/e2ee/KeyProvider.hpp"

namespace sotto::client::e2ee::test {

using Bytes = std::vector<uint8_t>;

inline Bytes fromHex(const std::string& hex) {
  const auto secret = secretFromHex(hex);
  if (!secret) throw std::invalid_argument("bad hex: " + hex);
  return {secret->view().begin(), secret->view().end()};
}

inline std::string toHex(base::ByteView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

inline nlohmann::json loadVectors(const std::string& name) {
  std::ifstream file(std::string(SOTTO_TEST_DATA) + "/" + name);
  return nlohmann::json::parse(file);
}

inline Bytes mediaKey(uint8_t first = 0x20) {
  Bytes key(32);
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(first + i);
  return key;
}

inline Bytes testFrame(size_t size, uint8_t seed = 1) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(seed + 7 * i);
  return bytes;
}

/// A VP8 delta frame's metadata with its 3 clear bytes.
inline frame::FrameMetadata deltaFrame() {
  frame::FrameMetadata fields;
  fields.video = true;
  fields.spatialIndex = 1;
  fields.temporalIndex = 2;
  fields.clearLength = 3;
  return fields;
}

inline Bytes sealOne(FrameSealer& sealer, const Bytes& plain,
                     const frame::FrameMetadata& fields = deltaFrame()) {
  Bytes out;
  const auto size = sealer.seal(plain, fields, out);
  if (!size) throw std::runtime_error(toString(size.error()));
  return out;
}

constexpr frame::Suite allSuites[] = {frame::Suite::Duo, frame::Suite::Aes128Gcm, frame::Suite::Aes256Gcm};

}  // namespace sotto::client::e2ee::test
