// The line protocol of README.md over a DeviceStore; see the header.
#include "tests/interop/signal/SignalPeer.hpp"

#include <nlohmann/json.hpp>
#include <vector>

#include "client/native/e2ee/signal/CallCode.hpp"
#include "client/native/e2ee/signal/Fingerprint.hpp"

namespace sotto::interop {
namespace {

using namespace e2ee::signal;
using Json = nlohmann::json;
using Bytes = std::vector<uint8_t>;

/// What ends a command: the word that goes into the answer.
struct Refused {
  std::string code;
};

[[noreturn]] void badRequest() {
  throw Refused{"bad-request"};
}

template <typename T>
T orRefuse(Result<T> result) {
  if (!result) throw Refused{std::string(toString(result.error()))};
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  badRequest();
}

Bytes fromHex(const std::string& hex) {
  if (hex.size() % 2 != 0) badRequest();
  Bytes bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  }
  return bytes;
}

std::string toHex(base::ByteView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : bytes) {
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

Bytes hexMember(const Json& object, const char* name) {
  return fromHex(object.at(name).get<std::string>());
}

std::string textMember(const Json& object, const char* name) {
  return object.at(name).get<std::string>();
}

DeviceName addressOf(const Json& request) {
  return {textMember(request, "address"), ""};
}

PublicKey keyMember(const Json& object, const char* name) {
  return orRefuse(PublicKey::parse(hexMember(object, name)));
}

/// Keeps nothing: what is on its way here is released at once.
class NoStorage final : public DeviceStorage {
 protected:
  base::Expected<void> write(base::ByteView) override { return {}; }
};

template <typename T>
T release(const DeviceStore& device, Pending<T> pending) {
  return std::move(pending).release(NoStorage().save(device).value()).value();
}

Json verifySignature(const Json& request) {
  const bool valid =
      verify(keyMember(request, "publicKey"), hexMember(request, "message"), hexMember(request, "signature"));
  return {{"valid", valid}};
}

Json callCodeOf(const Json& request) {
  std::vector<CallMember> members;
  for (const Json& member : request.at("members")) {
    members.push_back(
        {textMember(member, "user"), textMember(member, "device"), keyMember(member, "identityKey")});
  }
  const CallCode code = orRefuse(callCode(members));
  return {{"digits", code.digits}, {"emoji", code.emoji()}};
}

}  // namespace

std::string SignalPeer::answer(const std::string& line) {
  Json request;
  Json answer;
  try {
    request = Json::parse(line);
    answer = run(request);
  } catch (const Refused& refused) {
    answer = {{"error", refused.code}};
  } catch (const Json::exception&) {
    answer = {{"error", "bad-request"}};
  }
  if (request.is_object() && request.contains("id")) answer["id"] = request["id"];
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json SignalPeer::run(const Json& request) {
  const std::string op = textMember(request, "op");
  if (op == "init") return init(request);
  if (op == "import") return importState(request);
  if (op == "verify") return verifySignature(request);
  if (op == "call-code") return callCodeOf(request);
  if (!device_) badRequest();
  return runOnDevice(op, request);
}

Json SignalPeer::runOnDevice(const std::string& op, const Json& request) {
  if (op == "bundle") return bundle(request);
  if (op == "rotate-signed-prekey") {
    return {{"signedPreKeyId", release(*device_, device_->renewSignedPreKey(*random_, 0)).id}};
  }
  if (op == "export") return {{"state", toHex(device_->serialize().view())}};
  if (op == "sign") {
    const PrivateKey& key = device_->keys().identity().privateKey;
    return {{"signature", toHex(sign(key, hexMember(request, "message"), *random_))}};
  }
  if (op == "fingerprint" || op == "compare-fingerprint") return runVerification(op, request);
  return runOnSession(op, request);
}

Json SignalPeer::runOnSession(const std::string& op, const Json& request) {
  if (op == "initiate") return initiate(request);
  if (op == "encrypt") return encrypt(request);
  if (op == "decrypt") return decrypt(request);
  if (op == "session") return session(request);
  if (op == "delete-session") {
    device_->eraseSessions(addressOf(request));
    return Json::object();
  }
  if (op == "trust") {
    device_->pin(addressOf(request), keyMember(request, "identityKey"));
    return Json::object();
  }
  badRequest();
}

Json SignalPeer::runVerification(const std::string& op, const Json& request) {
  const Bytes localId = hexMember(request, "localId");
  const Bytes remoteId = hexMember(request, "remoteId");
  const Fingerprint fingerprint({localId, device_->keys().identity().publicKey},
                                {remoteId, keyMember(request, "remoteIdentityKey")});
  if (op == "fingerprint") {
    return {{"digits", fingerprint.digits()}, {"scannable", toHex(fingerprint.scannable())}};
  }
  const auto result = orRefuse(fingerprint.compare(hexMember(request, "scanned")));
  return {{"match", result == Fingerprint::ScanResult::Match}};
}

Json SignalPeer::init(const Json& request) {
  std::unique_ptr<base::Random> random = std::make_unique<base::SystemRandom>();
  if (request.contains("seed")) {
    const Bytes seed = hexMember(request, "seed");
    if (seed.size() != 8) badRequest();
    random = std::make_unique<base::SeededRandom>(base::loadU64(seed.data()));
  }
  const std::string deviceId = std::to_string(request.value("deviceId", 1u));
  DeviceStore made = DeviceStore::create({"", deviceId}, *random, 0);
  release(made, made.createOneTimePreKeys(KeyStore::fullOneTimePreKeys, *random));
  random_ = std::move(random);
  device_ = std::move(made);
  handedOut_.clear();
  return describe();
}

Json SignalPeer::describe() const {
  return {{"registrationId", device_->keys().registrationId()},
          {"deviceId", std::stoul(device_->self().device)},
          {"identityKey", toHex(device_->keys().identity().publicKey.serialize())}};
}

Json SignalPeer::bundle(const Json& request) {
  Json out = describe();
  const PublicSignedPreKey signedPreKey = device_->keys().signedPreKey();
  out["signedPreKeyId"] = signedPreKey.id;
  out["signedPreKey"] = toHex(signedPreKey.key.serialize());
  out["signature"] = toHex(signedPreKey.signature);
  if (!request.value("oneTime", true)) return out;
  for (const PublicPreKey& key : device_->keys().oneTimePreKeys()) {
    if (!handedOut_.insert(key.id).second) continue;
    out["preKeyId"] = key.id;
    out["preKey"] = toHex(key.key.serialize());
    break;
  }
  return out;
}

Json SignalPeer::initiate(const Json& request) {
  const Json& from = request.at("bundle");
  const Bytes identityKey = hexMember(from, "identityKey");
  const Bytes signedPreKey = hexMember(from, "signedPreKey");
  const Bytes signature = hexMember(from, "signature");
  Bytes preKey;
  PreKeyBundle::Parts parts;
  parts.registrationId = from.at("registrationId").get<uint32_t>();
  parts.identityKey = identityKey;
  parts.signedPreKeyId = from.at("signedPreKeyId").get<uint32_t>();
  parts.signedPreKey = signedPreKey;
  parts.signature = signature;
  if (from.contains("preKeyId") && !from["preKeyId"].is_null()) {
    parts.preKeyId = from["preKeyId"].get<uint32_t>();
    preKey = hexMember(from, "preKey");
    parts.preKey = preKey;
  }
  orRefuse(device_->begin(addressOf(request), orRefuse(PreKeyBundle::fromParts(parts)), *random_));
  return Json::object();
}

Json SignalPeer::encrypt(const Json& request) {
  const CiphertextMessage message =
      release(*device_, orRefuse(device_->encrypt(addressOf(request), hexMember(request, "plaintext"))));
  const bool first = message.type == CiphertextMessage::Type::PreKey;
  return {{"type", first ? "prekey" : "message"}, {"body", toHex(message.body)}};
}

Json SignalPeer::decrypt(const Json& request) {
  const std::string type = textMember(request, "type");
  if (type != "prekey" && type != "message") badRequest();
  const auto kind = type == "prekey" ? CiphertextMessage::Type::PreKey : CiphertextMessage::Type::Signal;
  const Bytes plaintext =
      orRefuse(device_->decrypt(addressOf(request), kind, hexMember(request, "body"), *random_));
  return {{"plaintext", toHex(plaintext)}};
}

Json SignalPeer::session(const Json& request) const {
  const SessionRecord* record = device_->session(addressOf(request));
  Json out = {{"exists", record != nullptr && record->hasCurrent()},
              {"archived", record == nullptr ? 0 : record->archived().size()}};
  if (record != nullptr && record->hasCurrent()) {
    const SessionState::Beginning& beginning = record->current().beginning();
    out["remoteRegistrationId"] = beginning.remoteRegistrationId;
    out["remoteIdentityKey"] = toHex(beginning.remoteIdentity.serialize());
  }
  return out;
}

Json SignalPeer::importState(const Json& request) {
  device_ = orRefuse(DeviceStore::deserialize(hexMember(request, "state")));
  if (!random_) random_ = std::make_unique<base::SystemRandom>();
  return describe();
}

}  // namespace sotto::interop
