#include "Devices.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "signaling/Base64.hpp"
#include "signaling/MailboxRecord.hpp"

namespace sotto::signaling::test {
namespace {

std::string fromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

}  // namespace

std::vector<PreKey> oneTimePreKeys(uint32_t first, size_t count) {
  std::vector<PreKey> keys;
  for (uint32_t id = first; keys.size() < count; ++id) {
    keys.push_back(
        {id, "\x05" + numberBytes(0x0123456789abcdef) + numberBytes(id) + std::string(16, '\x11')});
  }
  return keys;
}

Registration knownRegistration(size_t count) {
  std::ifstream file(std::string(SOTTO_TEST_DATA) + "/signal-v3.json");
  const auto vectors = nlohmann::json::parse(file).at("xeddsa_verify");
  const auto text = [&vectors](const char* key) { return fromHex(vectors.at(key).get<std::string>()); };
  return {"\x05" + text("public"), 4711, {7, text("message"), text("signature")}, oneTimePreKeys(1, count)};
}

std::string registrationJson(const Registration& registration) {
  nlohmann::json keys = nlohmann::json::array();
  for (const PreKey& key : registration.oneTimePreKeys) {
    keys.push_back({{"id", key.id}, {"key", encodeBase64(key.key)}});
  }
  return nlohmann::json{{"identityKey", encodeBase64(registration.identityKey)},
                        {"registrationId", registration.registrationId},
                        {"signedPreKey",
                         {{"id", registration.signedPreKey.id},
                          {"key", encodeBase64(registration.signedPreKey.key)},
                          {"signature", encodeBase64(registration.signedPreKey.signature)}}},
                        {"oneTimePreKeys", std::move(keys)}}
      .dump();
}

SendRequest messageTo(const std::vector<DeviceName>& devices, uint64_t number, size_t sharedBytes) {
  SendRequest request;
  request.messageId = "00000000000000000000000000000000";
  const std::string digits = std::to_string(number);
  request.messageId.replace(request.messageId.size() - digits.size(), digits.size(), digits);
  request.purpose = 3;
  request.group = "group";
  if (sharedBytes > 0) request.shared = encodeBase64(std::string(sharedBytes, 's'));
  for (const DeviceName& device : devices) {
    request.recipients.push_back({device, "signal", encodeBase64(std::string(100, 'b'))});
  }
  return request;
}

}  // namespace sotto::signaling::test
