#include "signaling/MailboxRecord.hpp"

#include "signaling/JsonReader.hpp"

namespace sotto::signaling {
namespace {

using reading::json;

constexpr size_t numberSize = 8;
/// Keys of the record that are the server's own and go to nobody.
constexpr const char* expiresName = "_expires";
constexpr const char* bytesName = "_bytes";
constexpr const char* sharedIdName = "_shared";

json parse(std::string_view text) {
  json parsed = json::parse(text.begin(), text.end(), nullptr, false);
  return parsed.is_object() ? parsed : json::object();
}

}  // namespace

std::string numberBytes(uint64_t number) {
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xFF);
  return out;
}

uint64_t numberOf(std::string_view bytes) {
  if (bytes.size() != numberSize) return 0;
  uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<uint8_t>(c);
  return number;
}

std::string nextSeqKey(const DeviceName& device) {
  return device.key('b');
}

std::string messageKey(const DeviceName& device, uint64_t seq) {
  return device.key('m') + numberBytes(seq);
}

std::optional<std::pair<DeviceName, uint64_t>> parseMessageKey(std::string_view key) {
  if (key.size() < numberSize + 3 || key[0] != 'm') return std::nullopt;
  const size_t user = key.find('\0');
  if (user == key.npos) return std::nullopt;
  const size_t device = key.find('\0', user + 1);
  if (device == key.npos || key.size() != device + 1 + numberSize) return std::nullopt;
  return std::pair(
      DeviceName{std::string(key.substr(1, user - 1)), std::string(key.substr(user + 1, device - user - 1))},
      numberOf(key.substr(device + 1)));
}

std::string sentKey(const DeviceName& sender, const std::string& messageId) {
  return sender.key('s') + messageId;
}

std::string sharedKey(const std::string& sharedId) {
  return "o" + sharedId;
}

std::string referenceKey(const std::string& sharedId, const std::string& messageKey) {
  return "r" + sharedId + messageKey;
}

std::string expiryKey(int64_t expiresMs, const std::string& id) {
  return "x" + numberBytes(static_cast<uint64_t>(expiresMs)) + id;
}

std::string packKeys(const std::vector<std::string>& keys) {
  std::string packed;
  for (const std::string& key : keys) {
    packed += static_cast<char>(key.size() >> 8 & 0xFF);
    packed += static_cast<char>(key.size() & 0xFF);
    packed += key;
  }
  return packed;
}

std::vector<std::string> unpackKeys(std::string_view packed) {
  std::vector<std::string> keys;
  while (packed.size() >= 2) {
    const size_t size =
        static_cast<size_t>(static_cast<uint8_t>(packed[0]) << 8 | static_cast<uint8_t>(packed[1]));
    packed.remove_prefix(2);
    if (size > packed.size()) break;
    keys.emplace_back(packed.substr(0, size));
    packed.remove_prefix(size);
  }
  return keys;
}

std::string writeMessage(const DeviceName& from, const SendRequest& request, const Envelope& envelope,
                         int64_t timeMs, const MessageFacts& facts) {
  json record{{"from", {{"user", from.user}, {"device", from.device}}},
              {"messageId", request.messageId},
              {"purpose", request.purpose},
              {"group", request.group},
              {"time", timeMs},
              {"type", envelope.type},
              {"body", envelope.body},
              {expiresName, facts.expiresMs},
              {bytesName, facts.bytes}};
  if (!facts.sharedId.empty()) {
    record[sharedIdName] = facts.sharedId;
  } else if (!request.shared.empty()) {
    record["shared"] = request.shared;
  }
  return reading::dump(record);
}

MessageFacts readMessageFacts(std::string_view record) {
  const json message = parse(record);
  return {message.value(expiresName, int64_t{0}), message.value(bytesName, size_t{0}),
          message.value(sharedIdName, std::string())};
}

std::string messageEvent(std::string_view record, uint64_t seq, const std::string& shared, bool asEvent) {
  json message = parse(record);
  message.erase(expiresName);
  message.erase(bytesName);
  message.erase(sharedIdName);
  message["seq"] = seq;
  if (!shared.empty()) message["shared"] = shared;
  if (asEvent) message["event"] = "message";
  return reading::dump(message);
}

std::optional<SendResult> readSendResult(std::string_view text) {
  const json object = parse(text);
  try {
    SendResult result;
    result.accepted = object.at("accepted").get<size_t>();
    for (const json& entry : object.at("unknown")) {
      result.unknown.push_back({{entry.at("user").get<std::string>(), entry.at("device").get<std::string>()},
                                entry.value("full", false)});
    }
    return result;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace sotto::signaling
