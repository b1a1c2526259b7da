#include "config/YamlReader.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

namespace sotto::config {
namespace {

std::string_view kindOf(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a mapping";
    case YAML::NodeType::Scalar:
      return "a single value";
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      return "nothing";
  }
  return "nothing";
}

/// A value as messages show it: in quotes, not endless, without control characters.
std::string shown(std::string_view text) {
  constexpr size_t longest = 60;
  std::string out;
  for (const char c : text.substr(0, longest)) {
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return "\"" + out + (text.size() > longest ? "…\"" : "\"");
}

bool isIpLiteral(const std::string& text) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

/// A port as browsers write it: without zeros in front, and not the one that the scheme has by itself.
bool isWrittenPort(std::string_view port, std::string_view usual) {
  const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && !port.empty() && port.size() <= 5 && port.front() != '0' && port != usual;
}

/// Scheme, host and perhaps a port, as browsers write it in the Origin header (RFC 6454 section 6.2): lower
/// case, nothing after it.
bool isOrigin(std::string_view text) {
  using Scheme = std::pair<std::string_view, std::string_view>;
  for (const auto& [scheme, usualPort] : {Scheme{"https://", "443"}, Scheme{"http://", "80"}}) {
    if (text.substr(0, scheme.size()) != scheme) continue;
    const std::string_view rest = text.substr(scheme.size());
    const bool literal = !rest.empty() && rest.front() == '[';  // an IPv6 address has colons of its own
    const size_t end = literal ? rest.find(']') : rest.find(':');
    if (literal && end == rest.npos) return false;
    const std::string_view host = rest.substr(literal ? 1 : 0, literal ? end - 1 : end);
    const std::string_view after = end == rest.npos ? "" : rest.substr(literal ? end + 1 : end);
    const std::string_view allowed =
        literal ? "0123456789abcdef:." : "abcdefghijklmnopqrstuvwxyz0123456789.-_";
    return !host.empty() && host.find_first_not_of(allowed) == host.npos &&
           (after.empty() || (after.front() == ':' && isWrittenPort(after.substr(1), usualPort)));
  }
  return false;
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

}  // namespace

void ReadContext::report(const YAML::Mark& mark, std::string message) {
  problems.push_back({file, mark.line + 1, mark.column + 1, std::move(message)});
}

YamlReader::YamlReader(ReadContext& context, const YAML::Node& node, std::string path)
    : context_(context),
      node_(node),
      path_(std::move(path)),
      isMapping_(node.IsMap()),
      required_(context.complete) {
  // A section whose keys are all commented out is "nothing", and changes nothing.
  if (node_.IsDefined() && !isMapping_ && !node_.IsNull()) {
    context_.report(node_.Mark(), fmt::format("{} is {}, expected a mapping of keys to values",
                                              path_.empty() ? "the file" : path_, kindOf(node_)));
  }
}

std::string YamlReader::pathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

YAML::Node YamlReader::find(std::string_view key) {
  known_.push_back(key);
  if (isMapping_) {
    for (const auto& entry : node_) {
      if (entry.first.IsScalar() && entry.first.Scalar() == key) {
        keyMark_ = entry.first.Mark();
        return entry.second;
      }
    }
  }
  if (required_ && isMapping_) {
    context_.report(node_.Mark(), fmt::format("{} is missing, expected it to be set here", pathOf(key)));
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

void YamlReader::finish() {
  if (!isMapping_) return;
  std::map<std::string, YAML::Mark> seen;
  for (const auto& entry : node_) {
    const YAML::Mark mark = entry.first.Mark();
    if (!entry.first.IsScalar()) {
      context_.report(mark, fmt::format("a key is {}, expected a word", kindOf(entry.first)));
      continue;
    }
    const std::string& key = entry.first.Scalar();
    if (const auto [earlier, fresh] = seen.emplace(key, mark); !fresh) {
      context_.report(mark, fmt::format("duplicate key {}, expected each key once (the first is in line {})",
                                        pathOf(key), earlier->second.line + 1));
      continue;
    }
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    if (const auto guess = nearest(key, known_)) {
      context_.report(mark, fmt::format("unknown key {}, did you mean {}?", shown(pathOf(key)), *guess));
    } else {
      context_.report(mark, fmt::format("unknown key {}, expected {}", shown(pathOf(key)), joined(known_)));
    }
  }
}

std::optional<YamlReader::Scalar> YamlReader::scalar(std::string_view key, const YAML::Node& node,
                                                     std::string_view expected) {
  if (!node.IsDefined()) return std::nullopt;
  if (!node.IsScalar()) {
    // A value that is not there has no place of its own.
    context_.report(node.IsNull() ? keyMark_ : node.Mark(),
                    fmt::format("{} is {}, expected {}", pathOf(key), kindOf(node), expected));
    return std::nullopt;
  }
  auto value = substitute(node.Scalar(), context_.environment);
  if (!value) {
    context_.report(node.Mark(), fmt::format("{}: {}", pathOf(key), value.error()));
    return std::nullopt;
  }
  // yaml-cpp tags plain scalars "?" and quoted ones "!".
  const bool quoted = node.Tag() == "!" && *value == node.Scalar();
  return Scalar{std::move(*value), node.Mark(), quoted};
}

std::optional<int64_t> YamlReader::readNumber(std::string_view key, int64_t min, int64_t max,
                                              std::string_view also) {
  const std::string expected = fmt::format("a whole number from {} to {}{}", min, max, also);
  const auto read = scalar(key, find(key), expected);
  if (!read) return std::nullopt;
  int64_t number = 0;
  const char* end = read->text.data() + read->text.size();
  const auto [stop, status] = std::from_chars(read->text.data(), end, number);
  const bool digits = stop == end && (status == std::errc() || status == std::errc::result_out_of_range);
  if (digits && !read->quoted && status == std::errc() && number >= min && number <= max) return number;
  context_.report(read->mark, fmt::format("{} is {}{}, expected {}", pathOf(key),
                                          digits && !read->quoted ? read->text : shown(read->text),
                                          digits && read->quoted ? " in quotes" : "", expected));
  return std::nullopt;
}

void YamlReader::numberOrAuto(std::string_view key, std::optional<uint32_t>& value, int64_t min,
                              int64_t max) {
  const YAML::Node node = find(key);
  known_.pop_back();
  if (node.IsDefined() && node.IsScalar()) {
    const auto text = substitute(node.Scalar(), context_.environment);
    if (text && *text == "auto") {
      known_.push_back(key);
      value.reset();
      return;
    }
  }
  if (const auto number = readNumber(key, min, max, ", or auto")) value = static_cast<uint32_t>(*number);
}

std::optional<size_t> YamlReader::readWord(std::string_view key, const std::vector<std::string_view>& words) {
  const auto read = scalar(key, find(key), joined(words));
  if (!read) return std::nullopt;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == read->text) return i;
  }
  const auto guess = nearest(read->text, words);
  context_.report(read->mark,
                  fmt::format("{} is {}, expected {}{}", pathOf(key), shown(read->text), joined(words),
                              guess ? fmt::format("; did you mean {}?", *guess) : ""));
  return std::nullopt;
}

void YamlReader::text(std::string_view key, std::string& value, size_t min, size_t max) {
  const std::string expected = min == 0 ? fmt::format("text of at most {} bytes", max)
                                        : fmt::format("text of {} to {} bytes", min, max);
  const auto read = scalar(key, find(key), expected);
  if (!read) return;
  if (read->text.size() < min || read->text.size() > max) {
    context_.report(read->mark,
                    fmt::format("{} has {} bytes, expected {}", pathOf(key), read->text.size(), expected));
    return;
  }
  value = read->text;
}

void YamlReader::secret(std::string_view key, std::string& value, size_t min, size_t max) {
  const YAML::Node node = find(key);
  known_.pop_back();
  const auto resolved = node.IsDefined() && node.IsScalar() ? substitute(node.Scalar(), context_.environment)
                                                            : std::string("-");
  if (resolved && resolved->empty()) {
    known_.push_back(key);
    value.clear();
    return;
  }
  text(key, value, min, max);
}

void YamlReader::address(std::string_view key, std::string& value) {
  const std::string_view expected = "an IPv4 or IPv6 address, or \"*\" for all";
  const auto read = scalar(key, find(key), expected);
  if (!read) return;
  if (read->text != "*" && !isIpLiteral(read->text)) {
    context_.report(read->mark,
                    fmt::format("{} is {}, expected {}", pathOf(key), shown(read->text), expected));
    return;
  }
  value = read->text;
}

bool YamlReader::isList(std::string_view key, const YAML::Node& node, size_t min, size_t max) {
  if (!node.IsDefined()) return false;
  if (!node.IsSequence()) {
    context_.report(node.IsNull() ? keyMark_ : node.Mark(),
                    fmt::format("{} is {}, expected a list", pathOf(key), kindOf(node)));
    return false;
  }
  if (node.size() < min || node.size() > max) {
    context_.report(node.Mark(),
                    fmt::format("{} has {} entries, expected {} to {}", pathOf(key), node.size(), min, max));
    return false;
  }
  return true;
}

void YamlReader::addresses(std::string_view key, std::vector<std::string>& values, size_t min, size_t max) {
  const YAML::Node node = find(key);
  if (!isList(key, node, min, max)) return;
  values.clear();
  for (size_t i = 0; i < node.size(); ++i) {
    const std::string name = fmt::format("{}[{}]", key, i);
    const std::string_view expected = "an IPv4 or IPv6 address, or auto";
    const auto read = scalar(name, node[i], expected);
    if (!read) continue;
    if (read->text == "auto" || isIpLiteral(read->text)) {
      values.push_back(read->text);
    } else {
      context_.report(read->mark,
                      fmt::format("{} is {}, expected {}", pathOf(name), shown(read->text), expected));
    }
  }
}

std::optional<std::vector<size_t>> YamlReader::readWords(std::string_view key,
                                                         const std::vector<std::string_view>& words) {
  const YAML::Node node = find(key);
  if (!isList(key, node, 1, words.size())) return std::nullopt;
  std::vector<size_t> indices;
  for (size_t i = 0; i < node.size(); ++i) {
    const std::string name = fmt::format("{}[{}]", key, i);
    const auto read = scalar(name, node[i], joined(words));
    if (!read) return std::nullopt;
    const auto word = std::find(words.begin(), words.end(), read->text);
    const auto index = static_cast<size_t>(word - words.begin());
    if (word == words.end()) {
      const auto guess = nearest(read->text, words);
      context_.report(read->mark,
                      fmt::format("{} is {}, expected {}{}", pathOf(name), shown(read->text), joined(words),
                                  guess ? fmt::format("; did you mean {}?", *guess) : ""));
      return std::nullopt;
    }
    if (std::find(indices.begin(), indices.end(), index) != indices.end()) {
      context_.report(read->mark,
                      fmt::format("{} is {} again, expected each once", pathOf(name), shown(read->text)));
      return std::nullopt;
    }
    indices.push_back(index);
  }
  return indices;
}

void YamlReader::origins(std::string_view key, std::vector<std::string>& values, size_t max) {
  const YAML::Node node = find(key);
  if (!isList(key, node, 0, max)) return;
  values.clear();
  for (size_t i = 0; i < node.size(); ++i) {
    const std::string name = fmt::format("{}[{}]", key, i);
    const std::string_view expected = "an origin such as https://call.example.org, or \"*\" for all";
    const auto read = scalar(name, node[i], expected);
    if (!read) continue;
    if (read->text == "*" || isOrigin(read->text)) {
      values.push_back(read->text);
    } else {
      context_.report(read->mark,
                      fmt::format("{} is {}, expected {}", pathOf(name), shown(read->text), expected));
    }
  }
}

void YamlReader::flag(std::string_view key, bool& value) {
  if (const auto index = readWord(key, {"true", "false"})) value = *index == 0;
}

}  // namespace sotto::config
