#include "signaling/MailboxRecord.hpp"

#include <charconv>

#include "signaling/JsonReader.hpp"

namespace sotto::signaling {
namespace {

using reading::json;

constexpr size_t numberSize = 8;

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

std::string messageHead(const DeviceName& from, const SendRequest& request, int64_t timeMs, bool withShared) {
  json head{{"from", {{"user", from.user}, {"device", from.device}}},
            {"messageId", request.messageId},
            {"purpose", request.purpose},
            {"group", request.group},
            {"time", timeMs}};
  if (withShared && !request.shared.empty()) head["shared"] = request.shared;
  std::string text = reading::dump(head);
  text.pop_back();  // the brace: each recipient's part follows
  return text;
}

std::string writeMessage(const std::string& head, const Envelope& envelope, const MessageFacts& facts) {
  std::string record =
      std::to_string(facts.expiresMs) + ' ' + std::to_string(facts.bytes) + ' ' + facts.sharedId;
  record.reserve(record.size() + head.size() + envelope.body.size() + 64);
  // Type and body have been checked: a word, and base64, which JSON takes as they are.
  record.append("\n").append(head).append(R"(,"type":")").append(envelope.type);
  record.append(R"(","body":")").append(envelope.body).append("\"}");
  return record;
}

MessageFacts readMessageFacts(std::string_view record) {
  const std::string_view line = record.substr(0, record.find('\n'));
  MessageFacts facts;
  const char* end = line.data() + line.size();
  const auto first = std::from_chars(line.data(), end, facts.expiresMs);
  if (first.ptr == end || *first.ptr != ' ') return facts;
  const auto second = std::from_chars(first.ptr + 1, end, facts.bytes);
  if (second.ptr != end) facts.sharedId.assign(second.ptr + 1, end);
  return facts;
}

std::string messageEvent(std::string_view record, uint64_t seq, const std::string& shared, bool asEvent) {
  // A record without its line is none of ours; what goes out is JSON all the same.
  const size_t line = record.find('\n');
  std::string_view json = line == record.npos ? std::string_view() : record.substr(line + 1);
  json = json.size() < 2 ? std::string_view() : json.substr(1, json.size() - 2);
  std::string event = asEvent ? R"({"event":"message","seq":)" : R"({"seq":)";
  event.reserve(event.size() + json.size() + shared.size() + 64);
  event.append(std::to_string(seq));
  if (!json.empty()) event.append(",").append(json);
  if (!shared.empty()) event.append(R"(,"shared":")").append(shared).append("\"");
  return event.append("}");
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
