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
  std::vector<std::string> allowedOrigins;  ///< "https://host[:port]", or "*" for all
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
enum class Suite { Duo, Aes128Gcm, Aes256Gcm };

/// A rule for rooms whose name matches a pattern of `*` and `?`.
struct RoomPolicy {
  std::string match;
  E2ee e2ee = E2ee::Required;
  std::vector<Suite> suites;
};

struct Rooms {
  uint32_t maxRooms = 0;
  uint32_t maxParticipants = 0;
  uint32_t maxAudioSlots = 0;
  uint32_t maxVideoSlots = 0;
  uint32_t audioSpeakers = 0;
  E2ee e2ee = E2ee::Required;
  std::vector<Suite> suites;  ///< that may be used
  std::vector<RoomPolicy> policies;

  /// What holds for a room of this name: the first matching policy, else what stands here.
  E2ee e2eeFor(std::string_view room) const;
  const std::vector<Suite>& suitesFor(std::string_view room) const;
};

struct Storage {
  std::string directory;
};

/// Limits on the key directory.
struct Directory {
  uint32_t maxOneTimePrekeys = 0;
  uint32_t lowPrekeys = 0;
  uint32_t maxDevices = 0;
  uint32_t fetchesPerMinute = 0, fetchBurst = 0;
  uint32_t targetFetchesPerMinute = 0, targetFetchBurst = 0;
};

/// Limits on messages between devices.
struct Messages {
  uint32_t keepDays = 0;
  uint32_t mailboxMessages = 0, mailboxBytes = 0;
  uint32_t sendsPerSecond = 0, sendBurst = 0;
  uint32_t senderBytesPerSecond = 0, senderByteBurst = 0;
  uint32_t maxRecipients = 0;
  uint32_t maxBodyBytes = 0, maxSharedBytes = 0;
  uint32_t windowMessages = 0, windowBytes = 0;
};

/// Limits on sealed files.
struct Blobs {
  uint64_t maxBytes = 0, userBytes = 0, totalBytes = 0;
  uint32_t userBlobs = 0;
  uint32_t keepDays = 0;
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
  Storage storage;
  Directory directory;
  Messages messages;
  Blobs blobs;
  Log log;
};

/// Whether `name` fits `pattern`, where `*` stands for any run of bytes and `?` for one. Linear in memory,
/// at worst |pattern| x |name| steps.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace sotto::config
