// The schema visitor that fills a Config from YAML nodes and notes every fault with its place.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/EditDistance.hpp"
#include "config/Loader.hpp"
#include "config/Schema.hpp"
#include "config/Substitution.hpp"

namespace sotto::config {

/// What all readers of one file share.
struct ReadContext {
  std::string file;
  Environment environment;
  bool complete = false;  ///< a missing key is a problem
  std::vector<Problem> problems;

  void report(const YAML::Mark& mark, std::string message);
};

/// Reads one YAML mapping. Keys are asked for one by one; finish() then knows which ones nobody asked for.
class YamlReader {
 public:
  /// `node` undefined: the mapping is absent, nothing is changed. `path` names it in messages ("" at the
  /// root).
  YamlReader(ReadContext& context, const YAML::Node& node, std::string path);

  template <typename Body>
  void section(std::string_view key, Body&& body) {
    YamlReader inner(context_, find(key), pathOf(key));
    body(inner);
    inner.finish();
  }
  /// `min` and `max` count bytes.
  void text(std::string_view key, std::string& value, size_t min, size_t max);
  void secret(std::string_view key, std::string& value, size_t min, size_t max);
  void address(std::string_view key, std::string& value);
  void addresses(std::string_view key, std::vector<std::string>& values, size_t min, size_t max);
  void flag(std::string_view key, bool& value);
  void numberOrAuto(std::string_view key, std::optional<uint32_t>& value, int64_t min, int64_t max);

  template <typename Number>
  void number(std::string_view key, Number& value, int64_t min, int64_t max) {
    if (const auto parsed = readNumber(key, min, max, "")) value = static_cast<Number>(*parsed);
  }
  template <typename Enum, size_t N>
  void choice(std::string_view key, Enum& value, const Words<Enum, N>& words) {
    std::vector<std::string_view> names;
    for (const auto& [name, meaning] : words) names.push_back(name);
    if (const auto index = readWord(key, names)) value = words[*index].second;
  }
  /// A list of 1..N different words.
  template <typename Enum, size_t N>
  void choices(std::string_view key, std::vector<Enum>& values, const Words<Enum, N>& words) {
    std::vector<std::string_view> names;
    for (const auto& [name, meaning] : words) names.push_back(name);
    const auto indices = readWords(key, names);
    if (!indices) return;
    values.clear();
    for (const size_t index : *indices) values.push_back(words[index].second);
  }
  /// The same, or `otherwise` when the key is not there.
  template <typename Enum, size_t N>
  void choicesOr(std::string_view key, std::vector<Enum>& values, const std::vector<Enum>& otherwise,
                 const Words<Enum, N>& words) {
    values = otherwise;
    const bool required = std::exchange(required_, false);
    choices(key, values, words);
    required_ = required;
  }
  /// Web origins ("https://host", with a port where it is not the scheme's), or "*".
  void origins(std::string_view key, std::vector<std::string>& values, size_t max);
  template <typename Item, typename Body>
  void list(std::string_view key, std::vector<Item>& items, size_t max, Body&& body) {
    const YAML::Node node = find(key);
    if (!isList(key, node, 0, max)) return;
    items.clear();
    for (size_t i = 0; i < node.size(); ++i) {
      YamlReader reader(context_, node[i], pathOf(key) + "[" + std::to_string(i) + "]");
      reader.required_ = true;
      body(reader, items.emplace_back());
      reader.finish();
    }
  }
  /// Reports the keys that are not known and those that stand twice.
  void finish();

 private:
  struct Scalar {
    std::string text;
    YAML::Mark mark;
    bool quoted = false;  ///< in quotes, and no environment variable in it
  };

  std::string pathOf(std::string_view key) const;
  YAML::Node find(std::string_view key);
  std::optional<Scalar> scalar(std::string_view key, const YAML::Node& node, std::string_view expected);
  std::optional<int64_t> readNumber(std::string_view key, int64_t min, int64_t max, std::string_view also);
  std::optional<std::vector<size_t>> readWords(std::string_view key,
                                               const std::vector<std::string_view>& words);
  std::optional<size_t> readWord(std::string_view key, const std::vector<std::string_view>& words);
  bool isList(std::string_view key, const YAML::Node& node, size_t min, size_t max);

  ReadContext& context_;
  YAML::Node node_;
  std::string path_;
  bool isMapping_ = false;
  bool required_ = false;  ///< a missing key is a problem here
  std::vector<std::string_view> known_;
  YAML::Mark keyMark_;  ///< of the key found last
};

}  // namespace sotto::config
