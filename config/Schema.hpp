// Every key of the configuration with its type and range, once: the loader and the printer both walk it.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "config/Config.hpp"

namespace sotto::config {

/// The words of an enumeration as they stand in YAML.
template <typename Enum, size_t N>
using Words = std::array<std::pair<std::string_view, Enum>, N>;

inline constexpr Words<E2ee, 3> e2eeWords{
    {{"required", E2ee::Required}, {"optional", E2ee::Optional}, {"off", E2ee::Off}}};
inline constexpr Words<Suite, 3> suiteWords{
    {{"duo", Suite::Duo}, {"aes128gcm", Suite::Aes128Gcm}, {"aes256gcm", Suite::Aes256Gcm}}};
inline constexpr Words<LogLevel, 4> logLevelWords{{{"error", LogLevel::Error},
                                                   {"warning", LogLevel::Warning},
                                                   {"info", LogLevel::Info},
                                                   {"debug", LogLevel::Debug}}};
inline constexpr Words<LogFormat, 2> logFormatWords{{{"text", LogFormat::Text}, {"json", LogFormat::Json}}};

/// Below this a guessed HS256 key is a real danger (RFC 7518 section 3.2: as long as the hash).
inline constexpr size_t minSecretBytes = 32;
inline constexpr size_t maxSecretBytes = 1024;

/// Calls `visit.<type>(key, value, bounds...)` for each key, and `visit.section` / `visit.list` around
/// groups. `C` is Config or const Config.
template <typename Visitor, typename C>
void describe(Visitor& visit, C& config) {
  visit.section("http", [&](auto& section) {
    auto& http = config.http;
    section.address("address", http.address);
    section.number("port", http.port, 0, 65535);
    section.section("tls", [&](auto& tls) {
      tls.text("certificate", http.tls.certificate, 0, 4096);
      tls.text("key", http.tls.key, 0, 4096);
    });
    section.number("max_connections", http.maxConnections, 1, 1'000'000);
    section.number("request_timeout", http.requestTimeoutSeconds, 1, 300);
    section.number("max_header_bytes", http.maxHeaderBytes, 1024, 1 << 20);
    section.number("max_body_bytes", http.maxBodyBytes, 1024, 16 << 20);
    section.origins("allowed_origins", http.allowedOrigins, 100);
  });
  visit.section("clients", [&](auto& section) {
    auto& clients = config.clients;
    section.number("max_message_bytes", clients.maxMessageBytes, 4096, 16 << 20);
    section.number("messages_per_second", clients.messagesPerSecond, 1, 10'000);
    section.number("message_burst", clients.messageBurst, 1, 100'000);
    section.number("max_queue_bytes", clients.maxQueueBytes, 1 << 16, 1 << 30);
    section.number("join_timeout", clients.joinTimeoutSeconds, 1, 300);
    section.number("ping_interval", clients.pingIntervalSeconds, 1, 3600);
    section.number("idle_timeout", clients.idleTimeoutSeconds, 2, 7200);
    section.number("resume_timeout", clients.resumeTimeoutSeconds, 0, 3600);
  });
  visit.section("media", [&](auto& section) {
    auto& media = config.media;
    section.numberOrAuto("workers", media.workers, 1, 256);
    section.address("address", media.address);
    section.number("first_port", media.firstPort, 0, 65535);
    section.addresses("announced_addresses", media.announcedAddresses, 1, 16);
  });
  visit.section("rooms", [&](auto& section) {
    auto& rooms = config.rooms;
    section.number("max_rooms", rooms.maxRooms, 1, 1'000'000);
    section.number("max_participants", rooms.maxParticipants, 1, 10'000);
    section.number("max_audio_slots", rooms.maxAudioSlots, 0, 64);
    section.number("max_video_slots", rooms.maxVideoSlots, 0, 256);
    section.number("audio_speakers", rooms.audioSpeakers, 1, 64);
    section.choice("e2ee", rooms.e2ee, e2eeWords);
    section.choices("suites", rooms.suites, suiteWords);
    section.list("policies", rooms.policies, 1000, [&rooms](auto& item, auto& policy) {
      item.text("match", policy.match, 1, 256);
      item.choice("e2ee", policy.e2ee, e2eeWords);
      item.choicesOr("suites", policy.suites, rooms.suites, suiteWords);
    });
  });
  visit.section("auth", [&](auto& section) {
    auto& auth = config.auth;
    section.flag("development", auth.development);
    section.secret("secret", auth.secret, minSecretBytes, maxSecretBytes);
    section.number("token_lifetime", auth.tokenLifetimeSeconds, 60, 31'536'000);
  });
  visit.section("storage",
                [&](auto& section) { section.text("directory", config.storage.directory, 1, 4096); });
  visit.section("directory", [&](auto& section) {
    auto& directory = config.directory;
    section.number("max_one_time_prekeys", directory.maxOneTimePrekeys, 1, 10'000);
    section.number("low_prekeys", directory.lowPrekeys, 0, 10'000);
    section.number("max_devices", directory.maxDevices, 1, 100);
    section.number("fetches_per_minute", directory.fetchesPerMinute, 1, 100'000);
    section.number("fetch_burst", directory.fetchBurst, 1, 100'000);
    section.number("target_fetches_per_minute", directory.targetFetchesPerMinute, 1, 100'000);
    section.number("target_fetch_burst", directory.targetFetchBurst, 1, 100'000);
  });
  visit.section("messages", [&](auto& section) {
    auto& messages = config.messages;
    section.number("keep_days", messages.keepDays, 1, 14);
    section.number("mailbox_messages", messages.mailboxMessages, 1, 100'000);
    section.number("mailbox_bytes", messages.mailboxBytes, 1 << 16, 1 << 30);
    section.number("sends_per_second", messages.sendsPerSecond, 1, 10'000);
    section.number("send_burst", messages.sendBurst, 1, 100'000);
    section.number("sender_bytes_per_second", messages.senderBytesPerSecond, 1024, 1 << 30);
    section.number("sender_byte_burst", messages.senderByteBurst, 1 << 16, 1 << 30);
    section.number("max_recipients", messages.maxRecipients, 1, 10'000);
    section.number("max_body_bytes", messages.maxBodyBytes, 1024, 1 << 20);
    section.number("max_shared_bytes", messages.maxSharedBytes, 1024, 1 << 20);
    section.number("window_messages", messages.windowMessages, 1, 10'000);
    section.number("window_bytes", messages.windowBytes, 1 << 16, 1 << 26);
  });
  visit.section("blobs", [&](auto& section) {
    auto& blobs = config.blobs;
    section.number("max_bytes", blobs.maxBytes, 1, int64_t{1} << 40);
    section.number("user_bytes", blobs.userBytes, 1, int64_t{1} << 44);
    section.number("total_bytes", blobs.totalBytes, 1, int64_t{1} << 50);
    section.number("user_blobs", blobs.userBlobs, 1, 1'000'000);
    section.number("keep_days", blobs.keepDays, 1, 3650);
  });
  visit.section("log", [&](auto& section) {
    section.choice("level", config.log.level, logLevelWords);
    section.choice("format", config.log.format, logFormatWords);
  });
}

}  // namespace sotto::config
