#include "client/native/call/DirectoryMessages.hpp"

#include <nlohmann/json.hpp>

#include "client/native/call/Base64.hpp"

namespace sotto::client::call {

using Json = nlohmann::json;
using e2ee::DirectoryError;
using e2ee::DirectoryResult;
namespace signal = e2ee::signal;

namespace {

Json preKeyJson(const signal::PublicPreKey& key) {
  return {{"id", key.id}, {"key", toBase64(key.key.serialize())}};
}

Json signedPreKeyJson(const signal::PublicSignedPreKey& key) {
  return {{"id", key.id}, {"key", toBase64(key.key.serialize())}, {"signature", toBase64(key.signature)}};
}

tl::unexpected<DirectoryError> badAnswer() {
  return tl::make_unexpected(DirectoryError{"bad_answer", "the key directory answered something else"});
}

std::vector<uint8_t> bytes(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return {};
  return fromBase64(found->get_ref<const std::string&>()).value_or(std::vector<uint8_t>{});
}

uint32_t number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return 0;
  const auto value = found->get<uint64_t>();
  return value <= UINT32_MAX ? static_cast<uint32_t>(value) : 0;
}

std::optional<signal::PreKeyBundle> readBundle(const Json& entry) {
  const auto signedKey = entry.find("signedPreKey");
  if (signedKey == entry.end() || !signedKey->is_object()) return std::nullopt;
  const auto identity = bytes(entry, "identityKey"), key = bytes(*signedKey, "key"),
             signature = bytes(*signedKey, "signature");
  signal::PreKeyBundle::Parts parts;
  parts.registrationId = number(entry, "registrationId");
  parts.identityKey = identity;
  parts.signedPreKeyId = number(*signedKey, "id");
  parts.signedPreKey = key;
  parts.signature = signature;
  std::vector<uint8_t> oneTime;
  if (const auto found = entry.find("oneTimePreKey"); found != entry.end() && found->is_object()) {
    oneTime = bytes(*found, "key");
    parts.preKeyId = number(*found, "id");
    parts.preKey = oneTime;
  }
  const auto bundle = signal::PreKeyBundle::fromParts(parts);
  return bundle ? std::optional(*bundle) : std::nullopt;
}

/// The array under `key` of an answer; null when there is none.
const Json* listIn(const Json& answer, const char* key) {
  if (!answer.is_object()) return nullptr;
  const auto found = answer.find(key);
  return found != answer.end() && found->is_array() ? &*found : nullptr;
}

}  // namespace

std::string makeKeys(const e2ee::DeviceKeys& keys) {
  Json body{{"identityKey", toBase64(keys.identityKey.serialize())},
            {"registrationId", keys.registrationId},
            {"signedPreKey", signedPreKeyJson(keys.signedPreKey)},
            {"oneTimePreKeys", Json::array()}};
  for (const signal::PublicPreKey& key : keys.oneTimePreKeys) {
    body["oneTimePreKeys"].push_back(preKeyJson(key));
  }
  return body.dump();
}

std::string makeSignedPreKey(const signal::PublicSignedPreKey& key) {
  return signedPreKeyJson(key).dump();
}

std::string makeOneTimePreKeys(const std::vector<signal::PublicPreKey>& keys) {
  Json body{{"oneTimePreKeys", Json::array()}};
  for (const signal::PublicPreKey& key : keys) body["oneTimePreKeys"].push_back(preKeyJson(key));
  return body.dump();
}

std::string makeBundleRequest(const std::vector<std::string>& devices) {
  return Json{{"devices", devices}}.dump();
}

std::string pathSegment(std::string_view name) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

DirectoryResult<std::vector<e2ee::DeviceBundle>> parseBundles(std::string_view json) {
  const Json answer = Json::parse(json, nullptr, false);
  const Json* list = listIn(answer, "devices");
  if (list == nullptr) return badAnswer();
  std::vector<e2ee::DeviceBundle> bundles;
  for (const Json& entry : *list) {
    if (!entry.is_object() || !entry.contains("device") || !entry["device"].is_string()) continue;
    if (auto bundle = readBundle(entry)) {
      bundles.push_back({entry["device"].get<std::string>(), *bundle});
    }
  }
  return bundles;
}

DirectoryResult<std::vector<std::string>> parseDevices(std::string_view json) {
  const Json answer = Json::parse(json, nullptr, false);
  const Json* list = listIn(answer, "devices");
  if (list == nullptr) return badAnswer();
  std::vector<std::string> names;
  for (const Json& entry : *list) {
    if (entry.is_object() && entry.contains("device") && entry["device"].is_string()) {
      names.push_back(entry["device"].get<std::string>());
    }
  }
  return names;
}

DirectoryResult<size_t> parsePreKeyCount(std::string_view json) {
  const Json answer = Json::parse(json, nullptr, false);
  if (!answer.is_object() || !answer.contains("oneTimePreKeys")) return badAnswer();
  return number(answer, "oneTimePreKeys");
}

DirectoryError parseDirectoryError(unsigned status, std::string_view json) {
  const Json answer = Json::parse(json, nullptr, false);
  DirectoryError error{"status_" + std::to_string(status), "the key directory refused"};
  if (!answer.is_object() || !answer.contains("error") || !answer["error"].is_object()) return error;
  const Json& details = answer["error"];
  if (details.contains("code") && details["code"].is_string()) error.code = details["code"];
  if (details.contains("message") && details["message"].is_string()) error.message = details["message"];
  return error;
}

}  // namespace sotto::client::call
