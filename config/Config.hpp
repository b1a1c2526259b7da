// The typed configuration of sotto-server. Plain values; config/sotto.yaml explains each key (same names in
// snake_case), its unit, its range and its default. A default-constructed Config is blank: take one from
// Loader.hpp, which starts from the built-in file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::config {

/// Paths of PEM files; both empty: plain http.
struct Tls {
  std::string certificate, key;
  bool enabled() const { return !certificate.empty(); }
};

struct Http {
  std::string address;  ///< IP literal, or "*" for all
  uint16_t port = 0;    ///< 0: any free one
  Tls tls;
  uint32_t maxConnections = 0;
  uint32_t requestTimeoutSeconds = 0;
  uint32_t maxHeaderBytes = 0;
  uint32_t maxBodyBytes = 0;
};

/// Limits on one signaling client.
struct Clients {
  uint32_t maxMessageBytes = 0;
  uint32_t messagesPerSecond = 0;
  uint32_t messageBurst = 0;
  uint32_t maxQueueBytes = 0;
  uint32_t joinTimeoutSeconds = 0;
  uint32_t pingIntervalSeconds = 0;
  uint32_t idleTimeoutSeconds = 0;
  uint32_t resumeTimeoutSeconds = 0;
};

struct Media {
  std::optional<uint32_t> workers;              ///< nullopt: auto
  std::string address;                          ///< IP literal, or "*" for all
  uint16_t firstPort = 0;                       ///< 0: any free ones
  std::vector<std::string> announcedAddresses;  ///< IP literals and "auto"
};

enum class E2ee { Required, Optional, Off };

/// A rule for rooms whose name matches a pattern of `*` and `?`.
struct RoomPolicy {
  std::string match;
  E2ee e2ee = E2ee::Required;
};

struct Rooms {
  uint32_t maxRooms = 0;
  uint32_t maxParticipants = 0;
  uint32_t maxAudioSlots = 0;
  uint32_t maxVideoSlots = 0;
  uint32_t audioSpeakers = 0;
  E2ee e2ee = E2ee::Required;
  std::vector<RoomPolicy> policies;

  /// What holds for a room of this name: the first matching policy, else `e2ee`.
  E2ee e2eeFor(std::string_view room) const;
};

struct Auth {
  bool development = false;
  std::string secret;  ///< empty (with development): made at start
  uint32_t tokenLifetimeSeconds = 0;
};

enum class LogLevel { Error, Warning, Info, Debug };
enum class LogFormat { Text, Json };

struct Log {
  LogLevel level = LogLevel::Info;
  LogFormat format = LogFormat::Text;
};

struct Config {
  Http http;
  Clients clients;
  Media media;
  Rooms rooms;
  Auth auth;
  Log log;
};

/// Whether `name` fits `pattern`, where `*` stands for any run of bytes and `?` for one. Linear in memory,
/// at worst |pattern| x |name| steps.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace sotto::config
