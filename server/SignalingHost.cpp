#include "server/SignalingHost.hpp"

#include <fmt/format.h>

#include <chrono>

#include "config/Schema.hpp"

namespace sotto::server {
namespace {

control::E2eePolicy policyOf(config::E2ee e2ee) {
  switch (e2ee) {
    case config::E2ee::Required:
      return control::E2eePolicy::Required;
    case config::E2ee::Optional:
      return control::E2eePolicy::Optional;
    case config::E2ee::Off:
      return control::E2eePolicy::Off;
  }
  return control::E2eePolicy::Required;
}

std::vector<std::string> suiteNames(const std::vector<config::Suite>& suites) {
  std::vector<std::string> names;
  for (const config::Suite suite : suites) {
    for (const auto& [name, meaning] : config::suiteWords) {
      if (meaning == suite) names.emplace_back(name);
    }
  }
  return names;
}

signaling::Rate perMinute(uint32_t rate, uint32_t burst) {
  return {rate / 60.0, static_cast<double>(burst)};
}

signaling::DirectoryLimits directoryLimits(const config::Directory& directory) {
  signaling::DirectoryLimits limits;
  limits.oneTimePreKeys = directory.maxOneTimePrekeys;
  limits.lowPreKeys = directory.lowPrekeys;
  limits.devicesPerUser = directory.maxDevices;
  limits.fetches = perMinute(directory.fetchesPerMinute, directory.fetchBurst);
  limits.targetFetches = perMinute(directory.targetFetchesPerMinute, directory.targetFetchBurst);
  return limits;
}

signaling::MessageLimits messageLimits(const config::Messages& messages) {
  signaling::MessageLimits limits;
  limits.keep = base::TimeDelta::seconds(int64_t{messages.keepDays} * 24 * 3600);
  limits.mailboxMessages = messages.mailboxMessages;
  limits.mailboxBytes = messages.mailboxBytes;
  limits.sends = {static_cast<double>(messages.sendsPerSecond), static_cast<double>(messages.sendBurst)};
  limits.senderBytes = {static_cast<double>(messages.senderBytesPerSecond),
                        static_cast<double>(messages.senderByteBurst)};
  limits.recipients = messages.maxRecipients;
  limits.bodyBytes = messages.maxBodyBytes;
  limits.sharedBytes = messages.maxSharedBytes;
  limits.windowMessages = messages.windowMessages;
  limits.windowBytes = messages.windowBytes;
  return limits;
}

std::string randomSecret(base::Random& random) {
  std::string secret;
  for (int i = 0; i < 8; ++i) secret += fmt::format("{:016x}", random.u64());
  return secret;
}

}  // namespace

signaling::Settings signalingSettings(const config::Config& config, base::Random& random) {
  signaling::Settings settings;
  settings.limits.messageBytes = config.clients.maxMessageBytes;
  settings.limits.messagesPerSecond = config.clients.messagesPerSecond;
  settings.limits.messageBurst = config.clients.messageBurst;
  settings.limits.rooms = config.rooms.maxRooms;
  settings.limits.participantsPerRoom = config.rooms.maxParticipants;
  settings.limits.audioSlots = config.rooms.maxAudioSlots;
  settings.limits.videoSlots = config.rooms.maxVideoSlots;
  settings.limits.connections = config.http.maxConnections;
  settings.authSecret = config.auth.secret.empty() ? randomSecret(random) : config.auth.secret;
  settings.development = config.auth.development;
  settings.e2ee = policyOf(config.rooms.e2ee);
  settings.e2eeOfRoom = [rooms = config.rooms](std::string_view room) {
    return policyOf(rooms.e2eeFor(room));
  };
  settings.suites = suiteNames(config.rooms.suites);
  settings.suitesOfRoom = [rooms = config.rooms](std::string_view room) {
    return suiteNames(rooms.suitesFor(room));
  };
  settings.limits.directory = directoryLimits(config.directory);
  settings.limits.messages = messageLimits(config.messages);
  settings.audioSpeakers = config.rooms.audioSpeakers;
  settings.resumeWindow = base::TimeDelta::seconds(config.clients.resumeTimeoutSeconds);
  settings.joinTimeout = base::TimeDelta::seconds(config.clients.joinTimeoutSeconds);
  settings.developmentTokenLife = base::TimeDelta::seconds(config.auth.tokenLifetimeSeconds);
  return settings;
}

signaling::Now currentTime() {
  using namespace std::chrono;
  const auto monotonic = duration_cast<microseconds>(steady_clock::now().time_since_epoch());
  const auto wall = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
  return {base::Timestamp::micros(monotonic.count()), wall.count()};
}

SignalingHost::SignalingHost(boost::asio::io_context& io, signaling::Settings settings,
                             signaling::MediaPlane& mediaPlane, base::Random& random,
                             signaling::Storage& storage)
    : service_(std::move(settings), mediaPlane, random, storage), alarm_(io) {}

uint64_t SignalingHost::onOpen(std::shared_ptr<signaling::Connection> connection) {
  return service_.onOpen(std::move(connection), currentTime());
}

void SignalingHost::onMessage(uint64_t id, std::string_view text) {
  service_.onMessage(id, text, currentTime());
}

void SignalingHost::onClose(uint64_t id) {
  service_.onClose(id, currentTime());
}

void SignalingHost::arm() {
  const base::Timestamp wanted = service_.nextDeadline();
  if (wanted == armedFor_) return;
  armedFor_ = wanted;
  if (wanted == base::Timestamp::plusInfinity()) {
    alarm_.cancel();
    return;
  }
  alarm_.expires_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(wanted.us())));
  alarm_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    armedFor_ = base::Timestamp::plusInfinity();
    service_.onTime(currentTime());
  });
}

}  // namespace sotto::server
