// What an operator decides about signaling: limits, policy, secrets. Filled from the configuration by the
// server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "media/base/Units.hpp"
#include "media/control/Messages.hpp"

namespace sotto::signaling {

/// Bounds on what clients may ask for; past each there is an error code (docs/signaling.md).
struct Limits {
  size_t messageBytes = size_t{256} * 1024;  ///< one WebSocket message; past it the socket closes (1009)
  size_t sdpBytes = size_t{200} * 1024;      ///< one offer; below messageBytes, as JSON escapes cost a little
  size_t mediaLines = 128;                   ///< m-lines of one offer, rejected ones included
  double messagesPerSecond = 50;             ///< of one socket, on average
  double messageBurst = 200;
  size_t rooms = 1000;
  size_t participantsPerRoom = 100;  ///< those that may still resume count
  size_t audioSlots = 8;             ///< of one participant
  size_t videoSlots = 24;
  size_t tracks = 8;
  size_t simulcastLayers = 3;           ///< rids of one track
  size_t e2eeBytes = size_t{4} * 1024;  ///< JSON that a participant publishes about its keys
  size_t connections = 20'000;          ///< open sockets, joined or not
};

struct Settings {
  Limits limits;
  /// HMAC key of the tokens, at least 32 bytes (RFC 7518 section 3.2).
  std::string authSecret;
  /// Tokens are issued to anybody who asks (developmentToken).
  bool development = false;
  control::E2eePolicy e2ee = control::E2eePolicy::Required;
  /// When set, decides in the place of `e2ee` for every room.
  std::function<control::E2eePolicy(std::string_view room)> e2eeOfRoom;
  /// SFrame suites that may be published.
  std::vector<std::string> suites{"duo", "aes128gcm", "aes256gcm"};
  /// How many loudest speakers are forwarded to each participant.
  uint32_t audioSpeakers = 5;
  /// How long a session outlives its socket.
  base::TimeDelta resumeWindow = base::TimeDelta::seconds(30);
  /// How long a fresh socket may take to join.
  base::TimeDelta joinTimeout = base::TimeDelta::seconds(10);
  /// Validity of a development token.
  base::TimeDelta developmentTokenLife = base::TimeDelta::seconds(43'200);
};

}  // namespace sotto::signaling
