#include "config/Substitution.hpp"

#include <algorithm>

namespace sotto::config {
namespace {

bool isVariableName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

tl::expected<std::string, std::string> substitute(
    std::string_view text, const std::function<std::optional<std::string>(const std::string&)>& environment) {
  std::string out;
  while (true) {
    const size_t start = text.find("${");
    out += text.substr(0, start);
    if (start == std::string_view::npos) return out;
    if (start > 0 && text[start - 1] == '$') {
      out += '{';
      text.remove_prefix(start + 2);
      continue;
    }
    const size_t end = text.find('}', start);
    if (end == std::string_view::npos) {
      return tl::make_unexpected(std::string("\"${\" without \"}\", expected ${NAME} or ${NAME:-default}"));
    }
    const std::string_view body = text.substr(start + 2, end - start - 2);
    const size_t separator = body.find(":-");
    const std::string name(body.substr(0, separator));
    if (!isVariableName(name)) {
      return tl::make_unexpected("\"" + name +
                                 "\" is not the name of an environment variable, expected ${NAME} or "
                                 "${NAME:-default} (and $${ for a plain \"${\")");
    }
    const std::optional<std::string> value = environment(name);
    if (separator != std::string_view::npos) {
      out += value && !value->empty() ? *value : std::string(body.substr(separator + 2));
    } else if (value) {
      out += *value;
    } else {
      std::string message = "the environment variable ";
      message.append(name).append(" is not set, expected it to hold this value (or write ${").append(name);
      return tl::make_unexpected(message.append(":-default})"));
    }
    text.remove_prefix(end + 1);
  }
}

}  // namespace sotto::config
