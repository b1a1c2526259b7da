// Questions to the key directory; see the header.
#include "client/native/directory/AccountClient.hpp"

#include <nlohmann/json.hpp>

#include "client/native/call/Base64.hpp"
#include "client/native/call/DirectoryMessages.hpp"
#include "client/native/directory/BlobTransfer.hpp"

namespace sotto::client::directory {
namespace {

using nlohmann::json;
using sotto::e2ee::signal::PublicKey;

std::optional<PublicKey> keyIn(const json& object) {
  if (!object.is_object() || !object.contains("identityKey") || !object["identityKey"].is_string()) {
    return std::nullopt;
  }
  const auto bytes = call::fromBase64(object["identityKey"].get_ref<const std::string&>());
  if (!bytes) return std::nullopt;
  const auto key = PublicKey::parse(*bytes);
  return key ? std::optional(*key) : std::nullopt;
}

uint32_t numberIn(const json& object, const char* name) {
  if (!object.is_object() || !object.contains(name) || !object[name].is_number_unsigned()) return 0;
  return object[name].get<uint32_t>();
}

base::Expected<json> bodyOf(const HttpAnswer& answer) {
  if (!answer.good()) return base::fail("the key directory refuses: " + reasonOf(answer));
  json body = json::parse(answer.body, nullptr, false);
  if (!body.is_object()) return base::fail("the key directory answered something else");
  return body;
}

}  // namespace

base::Expected<std::optional<OwnKeys>> AccountClient::ownKeys() const {
  const auto answer = http_.perform({HttpMethod::Get, "/api/v1/keys", {}, ""});
  if (!answer) return tl::make_unexpected(answer.error());
  if (answer->status == 404 && !codeOf(*answer).empty() && codeOf(*answer) != "not_found") {
    return std::optional<OwnKeys>();
  }
  const auto body = bodyOf(*answer);
  if (!body) return tl::make_unexpected(body.error());
  const auto key = keyIn(*body);
  if (!key) return base::fail("the key directory has no identity of ours, but something else");
  OwnKeys keys;
  keys.identityKey = *key;
  keys.registrationId = numberIn(*body, "registrationId");
  if (body->contains("signedPreKey")) keys.signedPreKeyId = numberIn((*body)["signedPreKey"], "id");
  if (body->contains("oneTimePreKeys")) keys.oneTimePreKeys = numberIn((*body)["oneTimePreKeys"], "count");
  return std::optional(keys);
}

base::Expected<std::vector<KnownDevice>> AccountClient::devicesOf(const std::string& user) const {
  const auto answer =
      http_.perform({HttpMethod::Get, "/api/v1/users/" + call::pathSegment(user) + "/devices", {}, ""});
  if (!answer) return tl::make_unexpected(answer.error());
  std::vector<KnownDevice> devices;
  if (answer->status == 404 && codeOf(*answer) == "unknown_user") return devices;
  const auto body = bodyOf(*answer);
  if (!body) return tl::make_unexpected(body.error());
  if (!body->contains("devices") || !(*body)["devices"].is_array()) {
    return base::fail("the key directory answered something else");
  }
  for (const json& entry : (*body)["devices"]) {
    const auto key = keyIn(entry);
    if (!key || !entry.contains("device") || !entry["device"].is_string()) {
      return base::fail("the key directory has a device of " + user + " without an identity key");
    }
    devices.push_back({entry["device"], *key});
  }
  return devices;
}

base::Expected<void> AccountClient::removeDevice(const std::string& device) const {
  const auto answer =
      http_.perform({HttpMethod::Delete, "/api/v1/devices/" + call::pathSegment(device), {}, ""});
  if (!answer) return tl::make_unexpected(answer.error());
  if (!answer->good() && answer->status != 404) {
    return base::fail("the key directory refuses: " + reasonOf(*answer));
  }
  return {};
}

}  // namespace sotto::client::directory
