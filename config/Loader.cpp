#include "config/Loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <tuple>

#include "config/YamlReader.hpp"

namespace sotto::config {
namespace {

/// No real configuration is near this; what is has been named by mistake.
constexpr size_t maxFileBytes = 1 << 20;

/// The place of `section.key` in the file, or of the section, or the beginning of the file.
YAML::Mark markOf(const YAML::Node& root, std::string_view section, std::string_view key) {
  const auto child = [](const YAML::Node& parent, std::string_view name) {
    if (parent.IsMap()) {
      for (const auto& entry : parent) {
        if (entry.first.IsScalar() && entry.first.Scalar() == name) return entry.second;
      }
    }
    return YAML::Node(YAML::NodeType::Undefined);
  };
  const YAML::Node group = child(root, section);
  if (!group.IsDefined()) return YAML::Mark();
  const YAML::Node value = child(group, key);
  return value.IsDefined() ? value.Mark() : group.Mark();
}

/// Rules that join several keys.
void checkTogether(const Config& config, const YAML::Node& root, ReadContext& context) {
  const Tls& tls = config.http.tls;
  if (tls.certificate.empty() != tls.key.empty()) {
    context.report(markOf(root, "http", "tls"),
                   fmt::format("http.tls.{} is not set, expected certificate and key both set or both empty",
                               tls.key.empty() ? "key" : "certificate"));
  }
  if (config.clients.idleTimeoutSeconds <= config.clients.pingIntervalSeconds) {
    context.report(
        markOf(root, "clients", "idle_timeout"),
        fmt::format("clients.idle_timeout is {}, expected more than clients.ping_interval, which is {}",
                    config.clients.idleTimeoutSeconds, config.clients.pingIntervalSeconds));
  }
  if (!config.auth.development && config.auth.secret.empty()) {
    context.report(markOf(root, "auth", "secret"),
                   fmt::format("auth.secret is empty, expected {} to {} bytes when auth.development is false",
                               minSecretBytes, maxSecretBytes));
  }
  const uint32_t workers = config.media.workers.value_or(1);
  if (config.media.firstPort != 0 && config.media.firstPort + workers - 1 > 65'535) {
    context.report(markOf(root, "media", "first_port"),
                   fmt::format("media.first_port is {}, expected at most {} for {} workers with a port each",
                               config.media.firstPort, 65'536 - workers, workers));
  }
}

/// The first byte that no UTF-8 text has. yaml-cpp would guess at UTF-16 and UTF-32 from some of them, and
/// never come back from others.
std::optional<YAML::Mark> findForeignByte(std::string_view text) {
  YAML::Mark mark;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    const bool space = c == '\t' || c == '\n' || c == '\r';
    if ((byte < 0x20 && !space) || byte == 0x7f || byte >= 0xf8) return mark;
    ++mark.column;
    if (c == '\n') {
      ++mark.line;
      mark.column = 0;
    }
  }
  return std::nullopt;
}

LoadResult load(std::string_view yaml, ReadContext context, Config config) {
  if (const auto foreign = findForeignByte(yaml)) {
    context.report(*foreign, "a byte that is not text, expected YAML in UTF-8");
    return tl::make_unexpected(std::move(context.problems));
  }
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(yaml));
    if (documents.size() > 1) {
      context.report(documents[1].Mark(), "a second YAML document begins, expected one");
    }
    const YAML::Node root = documents.empty() ? YAML::Node() : documents[0];
    YamlReader reader(context, root, "");
    describe(reader, config);
    reader.finish();
    if (context.problems.empty()) checkTogether(config, root, context);
  } catch (const YAML::Exception& error) {
    context.report(error.mark, fmt::format("not valid YAML: {}", error.msg));
  }
  if (context.problems.empty()) return config;
  std::stable_sort(context.problems.begin(), context.problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return tl::make_unexpected(std::move(context.problems));
}

}  // namespace

std::string Problem::toString() const {
  return line == 0 ? fmt::format("{}: {}", file, message)
                   : fmt::format("{}:{}:{}: {}", file, line, column, message);
}

Environment processEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

Config defaults() {
  auto result =
      loadComplete(defaultYaml(), "config/sotto.yaml", [](const std::string&) { return std::nullopt; });
  if (!result) throw std::logic_error("the built-in configuration: " + result.error()[0].toString());
  return *std::move(result);
}

LoadResult loadFile(const std::string& path, const Environment& environment) {
  const auto unreadable = [&path](const std::string& why) {
    return tl::make_unexpected(std::vector<Problem>{
        {path, 0, 0, fmt::format("cannot be read ({}), expected a readable YAML file", why)}});
  };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(std::strerror(errno));
  std::string text(maxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) return unreadable(std::strerror(errno));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > maxFileBytes) return unreadable(fmt::format("larger than {} bytes", maxFileBytes));
  return loadText(text, path, environment);
}

LoadResult loadText(std::string_view yaml, const std::string& name, const Environment& environment) {
  return load(yaml, {name, environment, false, {}}, defaults());
}

LoadResult loadComplete(std::string_view yaml, const std::string& name, const Environment& environment) {
  return load(yaml, {name, environment, true, {}}, Config{});
}

}  // namespace sotto::config
