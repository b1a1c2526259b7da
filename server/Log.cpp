#include "server/Log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace sotto::server {
namespace {

bool asJson = false;

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("sotto", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

void write(spdlog::level::level_enum level, std::string_view message) {
  if (!logger().should_log(level)) return;
  logger().log(level, "{}", asJson ? jsonString(message) : printable(message));
}

}  // namespace

void setUpLog(const config::Log& settings) {
  asJson = settings.format == config::LogFormat::Json;
  // The message is a JSON string already (write() sees to it); the other fields need no escapes.
  if (asJson) logger().set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%v})");
  switch (settings.level) {
    case config::LogLevel::Error:
      return logger().set_level(spdlog::level::err);
    case config::LogLevel::Warning:
      return logger().set_level(spdlog::level::warn);
    case config::LogLevel::Info:
      return logger().set_level(spdlog::level::info);
    case config::LogLevel::Debug:
      return logger().set_level(spdlog::level::debug);
  }
}

void logError(std::string_view message) {
  write(spdlog::level::err, message);
}
void logWarning(std::string_view message) {
  write(spdlog::level::warn, message);
}
void logInfo(std::string_view message) {
  write(spdlog::level::info, message);
}
void logDebug(std::string_view message) {
  write(spdlog::level::debug, message);
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

std::string jsonString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace sotto::server
