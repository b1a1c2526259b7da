// Chat and reactions in a call; see the header.
#include "client/native/cli/CallChat.hpp"

#include <nlohmann/json.hpp>

namespace sotto::client::cli {

using nlohmann::json;

std::string writeCallMessage(const CallMessage& message) {
  const json object = message.type == CallMessage::Type::Chat
                          ? json{{"type", "chat"}, {"text", message.text}, {"id", message.id}}
                          : json{{"type", "reaction"}, {"emoji", message.text}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<CallMessage> readCallMessage(base::ByteView plain) {
  const json object = json::parse(plain.begin(), plain.end(), nullptr, false);
  const auto text = [&object](const char* key) -> std::optional<std::string> {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
  };
  if (!object.is_object()) return std::nullopt;
  const auto type = text("type");
  if (type == "chat" && text("text")) {
    return CallMessage{CallMessage::Type::Chat, *text("text"), text("id").value_or("")};
  }
  if (type == "reaction" && text("emoji")) {
    return CallMessage{CallMessage::Type::Reaction, *text("emoji"), ""};
  }
  return std::nullopt;
}

}  // namespace sotto::client::cli
