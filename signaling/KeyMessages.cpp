#include "signaling/KeyMessages.hpp"

#include <algorithm>
#include <set>

#include "signaling/Base64.hpp"
#include "signaling/Identifiers.hpp"
#include "signaling/JsonReader.hpp"
#include "signaling/SendReader.hpp"
#include "signaling/Tokens.hpp"
#include "signaling/XEdDsaVerify.hpp"

namespace sotto::signaling {
namespace {

using namespace reading;

/// docs/e2ee.md section 2.
constexpr uint64_t maxRegistrationId = 16380;
constexpr uint64_t maxPreKeyId = (uint64_t{1} << 24) - 1;
constexpr size_t signatureBytes = 64;
constexpr size_t messageIdDigits = 32;
constexpr uint64_t maxPurpose = 255;
constexpr size_t maxGroupBytes = 64;
/// No registration is near this: 200 one-time prekeys are 20 KB of JSON.
constexpr size_t maxKeyBodyBytes = size_t{256} * 1024;
constexpr size_t maxSmallBodyBytes = size_t{16} * 1024;
/// Longest base64 of a key or a signature.
constexpr size_t maxKeyTextBytes = 128;

std::string readBytes(const json& object, const char* key, size_t maxBytes) {
  auto bytes = decodeBase64(requireText(object, key, maxBytes));
  if (!bytes) bad(std::string("\"") + key + "\" must be base64 with padding");
  return *std::move(bytes);
}

std::string readKey(const json& object, const char* key) {
  std::string bytes = readBytes(object, key, maxKeyTextBytes);
  if (!isUsableCurveKey(bytes)) {
    bad(std::string("\"") + key + "\" must be 33 bytes, 0x05 and a Curve25519 key that is not of low order",
        ErrorCode::BadKey);
  }
  return bytes;
}

uint32_t readId(const json& object, const char* key, uint64_t max) {
  const uint64_t id = integer(object, key, max);
  if (id == 0) bad(std::string("\"") + key + "\" must be positive");
  return static_cast<uint32_t>(id);
}

SignedPreKey readSignedPreKey(const json& object) {
  SignedPreKey key{readId(object, "id", maxPreKeyId), readKey(object, "key"),
                   readBytes(object, "signature", maxKeyTextBytes)};
  if (key.signature.size() != signatureBytes) bad("\"signature\" must be 64 bytes", ErrorCode::BadKey);
  return key;
}

std::vector<PreKey> readOneTimePreKeys(const json& message, const DirectoryLimits& limits) {
  const json* keys = find(message, "oneTimePreKeys");
  if (keys != nullptr && keys->is_array() && keys->size() > limits.oneTimePreKeys) {
    bad("a device may have " + std::to_string(limits.oneTimePreKeys) + " one-time prekeys",
        ErrorCode::TooLarge);
  }
  std::vector<PreKey> read;
  std::set<uint32_t> ids;
  for (const auto& entry : list(message, "oneTimePreKeys", limits.oneTimePreKeys)) {
    const json& object = objectEntry(entry, "oneTimePreKeys");
    read.push_back({readId(object, "id", maxPreKeyId), readKey(object, "key")});
    if (!ids.insert(read.back().id).second)
      bad("\"oneTimePreKeys\" has an id twice", ErrorCode::DuplicatePrekey);
  }
  return read;
}

std::string readName(const json& object, const char* key) {
  std::string name = requireText(object, key);
  if (!isDisplayable(name, maxNameBytes)) {
    bad(std::string("\"") + key + "\" must be text of 1 to 128 bytes without control characters");
  }
  return name;
}

/// Base64 as it came, for `maxBytes` of content.
std::string readSealed(const json& object, const char* key, size_t maxBytes) {
  std::string text = requireText(object, key);
  const auto size = base64Size(text);
  if (!size) bad(std::string("\"") + key + "\" must be base64 with padding");
  if (*size == 0) bad(std::string("\"") + key + "\" is empty");
  if (*size > maxBytes) {
    bad(std::string("\"") + key + "\" has more than " + std::to_string(maxBytes) + " bytes",
        ErrorCode::TooLarge);
  }
  return text;
}

std::string readMessageId(const json& message) {
  std::string id = requireText(message, "messageId", messageIdDigits);
  const bool digits = std::all_of(id.begin(), id.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (id.size() != messageIdDigits || !digits) bad("\"messageId\" must be 32 lower-case hexadecimal digits");
  return id;
}

Envelope readEnvelope(const json& object, const MessageLimits& limits) {
  Envelope envelope;
  envelope.to = {readName(object, "user"), readName(object, "device")};
  envelope.type = requireText(object, "type", maxGroupBytes);
  if (envelope.type != "prekey" && envelope.type != "signal" && envelope.type != "error") {
    bad("\"type\" must be prekey, signal or error");
  }
  envelope.body = readSealed(object, "body", limits.bodyBytes);
  return envelope;
}

json toJson(const SignedPreKey& key) {
  return {{"id", key.id}, {"key", encodeBase64(key.key)}, {"signature", encodeBase64(key.signature)}};
}

/// Runs a reader and turns its refusal into a value.
template <typename Read>
auto valueOf(Read&& read) -> Result<decltype(read())> {
  try {
    return read();
  } catch (Refusal& refusal) {
    return tl::make_unexpected(std::move(refusal.error));
  }
}

}  // namespace

Result<Registration> parseRegistration(std::string_view text, const DirectoryLimits& limits) {
  return valueOf([&] {
    const json message = parseObject(text, maxKeyBodyBytes);
    Registration registration;
    registration.identityKey = readKey(message, "identityKey");
    registration.registrationId = readId(message, "registrationId", maxRegistrationId);
    const json* signedKey = find(message, "signedPreKey");
    if (signedKey == nullptr || !signedKey->is_object()) bad("\"signedPreKey\" must be an object");
    registration.signedPreKey = readSignedPreKey(*signedKey);
    if (find(message, "oneTimePreKeys") != nullptr) {
      registration.oneTimePreKeys = readOneTimePreKeys(message, limits);
    }
    return registration;
  });
}

Result<SignedPreKey> parseSignedPreKey(std::string_view text) {
  return valueOf([&] { return readSignedPreKey(parseObject(text, maxSmallBodyBytes)); });
}

Result<std::vector<PreKey>> parseOneTimePreKeys(std::string_view text, const DirectoryLimits& limits) {
  return valueOf([&] { return readOneTimePreKeys(parseObject(text, maxKeyBodyBytes), limits); });
}

Result<std::vector<std::string>> parseBundleRequest(std::string_view text, const DirectoryLimits& limits) {
  return valueOf([&] {
    std::vector<std::string> devices;
    if (text.empty()) return devices;
    const json message = parseObject(text, maxSmallBodyBytes);
    if (find(message, "devices") == nullptr) return devices;
    for (const auto& device : list(message, "devices", limits.devicesPerUser)) {
      if (!device.is_string() || !isDisplayable(device.get_ref<const std::string&>(), maxNameBytes)) {
        bad("\"devices\" must hold names of 1 to 128 bytes without control characters");
      }
      devices.push_back(device.get<std::string>());
    }
    if (devices.empty()) bad("\"devices\" is empty");
    return devices;
  });
}

std::string preKeyCountJson(size_t count) {
  return dump({{"oneTimePreKeys", count}});
}

std::string keyStatusJson(const KeyStatus& status) {
  return dump(
      {{"identityKey", encodeBase64(status.identityKey)},
       {"registrationId", status.registrationId},
       {"signedPreKey", {{"id", status.signedPreKeyId}}},
       {"oneTimePreKeys", {{"count", status.oneTimePreKeyIds.size()}, {"ids", status.oneTimePreKeyIds}}}});
}

std::string devicesJson(const std::vector<DeviceInfo>& devices) {
  json list = json::array();
  for (const auto& device : devices) {
    list.push_back({{"device", device.device},
                    {"identityKey", encodeBase64(device.identityKey)},
                    {"registrationId", device.registrationId}});
  }
  return dump({{"devices", std::move(list)}});
}

std::string bundlesJson(const std::vector<Bundle>& bundles) {
  json list = json::array();
  for (const auto& bundle : bundles) {
    json entry{{"device", bundle.device},
               {"registrationId", bundle.registrationId},
               {"identityKey", encodeBase64(bundle.identityKey)},
               {"signedPreKey", toJson(bundle.signedPreKey)},
               {"oneTimePreKey", nullptr}};
    if (bundle.oneTimePreKey) {
      entry["oneTimePreKey"] = {{"id", bundle.oneTimePreKey->id},
                                {"key", encodeBase64(bundle.oneTimePreKey->key)}};
    }
    list.push_back(std::move(entry));
  }
  return dump({{"devices", std::move(list)}});
}

std::string preKeysLowEvent(size_t remaining) {
  return dump({{"event", "prekeys-low"}, {"remaining", remaining}});
}

SendRequest reading::readSend(const json& message, const MessageLimits& limits) {
  SendRequest send;
  send.messageId = readMessageId(message);
  send.purpose = static_cast<uint32_t>(integer(message, "purpose", maxPurpose));
  send.group = requireText(message, "group");
  if (!isDisplayable(send.group, maxGroupBytes)) {
    bad("\"group\" must be text of 1 to 64 bytes without control characters");
  }
  if (find(message, "shared") != nullptr) send.shared = readSealed(message, "shared", limits.sharedBytes);
  if (find(message, "store") != nullptr) send.store = boolean(message, "store");
  std::set<DeviceName> named;
  for (const auto& entry : list(message, "recipients", limits.recipients)) {
    send.recipients.push_back(readEnvelope(objectEntry(entry, "recipients"), limits));
    if (!named.insert(send.recipients.back().to).second) bad("\"recipients\" names a device twice");
  }
  if (send.recipients.empty()) bad("\"recipients\" is empty");
  return send;
}

Result<SendRequest> parseSend(std::string_view text, const MessageLimits& limits, size_t maxBytes) {
  return valueOf([&] { return readSend(parseObject(text, maxBytes), limits); });
}

Result<uint64_t> parseAck(std::string_view text) {
  return valueOf([&] { return integer(parseObject(text, maxSmallBodyBytes), "upTo", maxInteger); });
}

std::string sendResultJson(const SendResult& result) {
  json unknown = json::array();
  for (const auto& [device, full] : result.unknown) {
    json entry{{"user", device.user}, {"device", device.device}};
    if (full) entry["full"] = true;
    unknown.push_back(std::move(entry));
  }
  return dump({{"unknown", std::move(unknown)}, {"accepted", result.accepted}});
}

std::string detachedEvent() {
  return dump({{"event", "detached"}});
}

}  // namespace sotto::signaling
