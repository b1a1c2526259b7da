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
#include "signaling/RateLimiter.hpp"

namespace sotto::signaling {

/// Bounds of the key directory (docs/directory.md).
struct DirectoryLimits {
  size_t oneTimePreKeys = 200;  ///< of one device, at one time
  size_t lowPreKeys = 20;       ///< fewer left: the device is told
  size_t devicesPerUser = 16;
  Rate fetches{1, 200};              ///< of bundles, of each requester in all
  Rate targetFetches{5.0 / 60, 20};  ///< of each requester for each user
};

/// Bounds of messages between devices (docs/directory.md).
struct MessageLimits {
  base::TimeDelta keep = base::TimeDelta::seconds(int64_t{14} * 24 * 3600);
  size_t mailboxMessages = 1000;
  size_t mailboxBytes = size_t{8} * 1024 * 1024;       ///< as stored
  Rate sends{20, 200};                                 ///< of each sending device
  Rate senderBytes{512.0 * 1024, 32.0 * 1024 * 1024};  ///< stored for each sending device
  size_t recipients = 500;                             ///< of one message
  size_t bodyBytes = size_t{64} * 1024;                ///< of one recipient, before base64
  size_t sharedBytes = size_t{64} * 1024;              ///< before base64
  /// Sent to a device and not acknowledged; more follow as it acknowledges.
  size_t windowMessages = 100;
  size_t windowBytes = size_t{1024} * 1024;
};

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
  size_t invitedPerRoom = 500;          ///< users invited and not there yet
  DirectoryLimits directory;
  MessageLimits messages;
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
  /// When set, decides in the place of `suites` for every room.
  std::function<std::vector<std::string>(std::string_view room)> suitesOfRoom;
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
