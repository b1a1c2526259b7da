#include "signaling/JsonReader.hpp"

#include <cmath>

namespace sotto::signaling::reading {
namespace {

/// The deepest message of the protocol nests three levels; what a participant publishes in `e2ee` may add
/// some.
constexpr size_t maxDepth = 16;

/// Whether brackets nest deeper than maxDepth; strings are skipped.
bool nestsTooDeep(std::string_view text) {
  size_t depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString) {
      if (c == '\\') ++i;
      if (c == '"') inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      if (++depth > maxDepth) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

std::string quoted(const char* key) {
  return std::string("\"") + key + "\"";
}

}  // namespace

void bad(std::string message, ErrorCode code) {
  throw Refusal{{code, std::move(message), 0, {}, {}}};
}

json parseObject(std::string_view text, size_t maxBytes) {
  if (text.size() > maxBytes) bad("the message has more than " + std::to_string(maxBytes) + " bytes");
  if (nestsTooDeep(text)) bad("the message nests deeper than " + std::to_string(maxDepth) + " levels");
  json message = json::parse(text.begin(), text.end(), nullptr, false);
  if (message.is_discarded()) bad("the message is not JSON");
  if (!message.is_object()) bad("the message must be a JSON object");
  return message;
}

const json* find(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string requireText(const json& object, const char* key, size_t maxBytes) {
  const json* value = find(object, key);
  if (value == nullptr) bad(quoted(key) + " is missing");
  if (!value->is_string()) bad(quoted(key) + " must be a string");
  const auto& found = value->get_ref<const std::string&>();
  if (found.size() > maxBytes) bad(quoted(key) + " is too long");
  return found;
}

uint64_t integer(const json& object, const char* key, uint64_t max, std::optional<uint64_t> absent) {
  const json* value = find(object, key);
  if (value == nullptr) {
    if (!absent) bad(quoted(key) + " is missing");
    return *absent;
  }
  // Some JSON writers make 5.0 of 5.
  const double number = value->is_number() ? value->get<double>() : -1;
  if (!(number >= 0) || number > static_cast<double>(max) || std::floor(number) != number) {
    bad(quoted(key) + " must be a whole number in 0.." + std::to_string(max));
  }
  return static_cast<uint64_t>(number);
}

bool boolean(const json& object, const char* key) {
  const json* value = find(object, key);
  if (value == nullptr || !value->is_boolean()) bad(quoted(key) + " must be true or false");
  return value->get<bool>();
}

const json& list(const json& object, const char* key, size_t maxEntries) {
  const json* value = find(object, key);
  if (value == nullptr || !value->is_array()) bad(quoted(key) + " must be a list");
  if (value->size() > maxEntries)
    bad(quoted(key) + " has more than " + std::to_string(maxEntries) + " entries");
  for (const auto& entry : *value) {
    if (!entry.is_object() && !entry.is_string()) bad(quoted(key) + " has an entry of a wrong type");
  }
  return *value;
}

const json& objectEntry(const json& entry, const char* key) {
  if (!entry.is_object()) bad(quoted(key) + " must hold objects");
  return entry;
}

std::string dump(const json& message) {
  return message.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace sotto::signaling::reading
