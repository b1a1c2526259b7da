// Printing messages; see the header.
#include "client/native/cli/MessageText.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "client/native/cli/Progress.hpp"
#include "client/native/cli/Recorder.hpp"
#include "client/native/e2ee/KeyProvider.hpp"

namespace sotto::client::cli {

using nlohmann::json;

std::string hexOf(const e2ee::MessageId& id) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : id) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

std::optional<e2ee::MessageId> messageIdFromHex(const std::string& hex) {
  const auto bytes = e2ee::secretFromHex(hex);
  e2ee::MessageId id{};
  if (!bytes || bytes->size() != id.size()) return std::nullopt;
  std::copy(bytes->view().begin(), bytes->view().end(), id.begin());
  return id;
}

std::string messageJson(const InboxMessage& message, const std::string& savedAs) {
  json line{{"id", hexOf(message.id)},
            {"from", {{"user", message.from.user}, {"device", message.from.device}}},
            {"group", message.body.group},
            {"receivedMs", message.receivedMs}};
  line["sentMs"] = message.body.sentMs ? json(*message.body.sentMs) : json();
  if (const auto* text = std::get_if<e2ee::TextMessage>(&message.body.what)) {
    line["type"] = "text";
    line["text"] = text->text;
  } else if (const auto* file = std::get_if<e2ee::MediaMessage>(&message.body.what)) {
    line["type"] = "file";
    line["name"] = file->name;
    line["mediaType"] = file->type;
    line["size"] = file->size;
    line["path"] = savedAs.empty() ? json() : json(savedAs);
  } else if (const auto* reaction = std::get_if<e2ee::Reaction>(&message.body.what)) {
    line["type"] = "reaction";
    line["message"] = hexOf(reaction->message);
    line["emoji"] = reaction->emoji;
    line["remove"] = reaction->remove;
  }
  return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string messageSentence(const InboxMessage& message, const std::string& savedAs) {
  const std::string who = message.from.user + " (" + message.from.device + ")";
  std::string what;
  if (const auto* text = std::get_if<e2ee::TextMessage>(&message.body.what)) {
    what = ": " + text->text;
  } else if (const auto* file = std::get_if<e2ee::MediaMessage>(&message.body.what)) {
    what = " sent a file of " + std::to_string(file->size) + " bytes" +
           (savedAs.empty() ? ", which could not be saved" : ": " + savedAs);
  } else if (const auto* reaction = std::get_if<e2ee::Reaction>(&message.body.what)) {
    what = (reaction->remove ? " takes back " : " reacts with ") + reaction->emoji + " to " +
           hexOf(reaction->message);
  }
  return printable(who + what + "  [" + hexOf(message.id) + "]");
}

std::string pathForFile(const std::string& directory, const std::string& name) {
  // Only what stands behind the last separator of either kind.
  const size_t slash = name.find_last_of("/\\");
  const std::filesystem::path original(
      fileNamePart(slash == std::string::npos ? name : name.substr(slash + 1)));
  std::filesystem::path path = std::filesystem::path(directory) / original;
  for (unsigned number = 2; std::filesystem::exists(path); ++number) {
    path = std::filesystem::path(directory) /
           (original.stem().string() + "-" + std::to_string(number) + original.extension().string());
  }
  return path.string();
}

}  // namespace sotto::client::cli
