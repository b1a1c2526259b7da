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
    section.list("policies", rooms.policies, 1000, [](auto& item, auto& policy) {
      item.text("match", policy.match, 1, 256);
      item.choice("e2ee", policy.e2ee, e2eeWords);
    });
  });
  visit.section("auth", [&](auto& section) {
    auto& auth = config.auth;
    section.flag("development", auth.development);
    section.secret("secret", auth.secret, minSecretBytes, maxSecretBytes);
    section.number("token_lifetime", auth.tokenLifetimeSeconds, 60, 31'536'000);
  });
  visit.section("log", [&](auto& section) {
    section.choice("level", config.log.level, logLevelWords);
    section.choice("format", config.log.format, logFormatWords);
  });
}

}  // namespace sotto::config
