// The server's log: one line for each event, to stderr, as text or JSON. Thread-safe, global as logs are.
#pragma once

#include <string>
#include <string_view>

#include "config/Config.hpp"

namespace sotto::server {

/// Call once before the first line; without it, text at level info.
void setUpLog(const config::Log& settings);

/// `message` is one sentence without a full stop. Control characters are replaced, so that no input can forge
/// lines.
void logError(std::string_view message);
void logWarning(std::string_view message);
void logInfo(std::string_view message);
void logDebug(std::string_view message);

/// `text` with what would break a line or a terminal replaced by '?'.
std::string printable(std::string_view text);
/// `text` as a JSON string, quotes included; bytes that are not UTF-8 pass as they are.
std::string jsonString(std::string_view text);

}  // namespace sotto::server
