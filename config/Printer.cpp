#include "config/Printer.hpp"

#include <fmt/format.h>

#include "config/Schema.hpp"

namespace sotto::config {
namespace {

/// A double-quoted YAML scalar that the loader reads back as `text`.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (text.substr(i, 2) == "${") {
      out += "$$";
    } else {
      out += c;
    }
  }
  return out + '"';
}

class Writer {
 public:
  explicit Writer(std::string& out, std::string indent = "") : out_(out), indent_(std::move(indent)) {}

  template <typename Body>
  void section(std::string_view key, Body&& body) {
    start(key);
    out_ += '\n';
    Writer inner(out_, indent_ + "  ");
    body(inner);
  }
  void text(std::string_view key, const std::string& value, size_t, size_t) { line(key, quoted(value)); }
  void address(std::string_view key, const std::string& value) { line(key, quoted(value)); }
  void secret(std::string_view key, const std::string& value, size_t, size_t) {
    line(key, value.empty() ? "\"\"" : "\"***\"");
  }
  template <typename Number>
  void number(std::string_view key, Number value, int64_t, int64_t) {
    line(key, std::to_string(value));
  }
  void numberOrAuto(std::string_view key, const std::optional<uint32_t>& value, int64_t, int64_t) {
    line(key, value ? std::to_string(*value) : "auto");
  }
  void flag(std::string_view key, bool value) { line(key, value ? "true" : "false"); }
  template <typename Enum, size_t N>
  void choice(std::string_view key, Enum value, const Words<Enum, N>& words) {
    for (const auto& [word, meaning] : words) {
      if (meaning == value) line(key, word);
    }
  }
  void addresses(std::string_view key, const std::vector<std::string>& values, size_t, size_t) {
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "" : ", ") + quoted(value);
    line(key, "[" + list + "]");
  }
  template <typename Enum, size_t N>
  void choices(std::string_view key, const std::vector<Enum>& values, const Words<Enum, N>& words) {
    std::string list;
    for (const Enum value : values) {
      for (const auto& [word, meaning] : words) {
        if (meaning == value) list += (list.empty() ? "" : ", ") + std::string(word);
      }
    }
    line(key, "[" + list + "]");
  }
  template <typename Enum, size_t N>
  void choicesOr(std::string_view key, const std::vector<Enum>& values, const std::vector<Enum>&,
                 const Words<Enum, N>& words) {
    choices(key, values, words);
  }
  void origins(std::string_view key, const std::vector<std::string>& values, size_t) {
    addresses(key, values, 0, 0);
  }
  template <typename Item, typename Body>
  void list(std::string_view key, const std::vector<Item>& items, size_t, Body&& body) {
    if (items.empty()) return line(key, "[]");
    start(key);
    out_ += '\n';
    for (const Item& item : items) {
      Writer inner(out_, indent_ + "    ");
      inner.dash_ = true;
      body(inner, item);
    }
  }

 private:
  void start(std::string_view key) {
    if (dash_) {
      out_ += indent_.substr(0, indent_.size() - 2) + "- ";
      dash_ = false;
    } else {
      out_ += indent_;
    }
    out_ += key;
    out_ += ':';
  }
  void line(std::string_view key, std::string_view value) {
    start(key);
    out_ += ' ';
    out_ += value;
    out_ += '\n';
  }

  std::string& out_;
  std::string indent_;
  bool dash_ = false;  ///< the next key is the first of a list item
};

}  // namespace

std::string toYaml(const Config& config) {
  std::string out;
  Writer writer(out);
  describe(writer, config);
  return out;
}

}  // namespace sotto::config
