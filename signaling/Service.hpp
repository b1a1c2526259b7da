// All of signaling behind one face: fed with connections, messages, media events and the time; it answers
// through Connection and MediaPlane. No I/O, no threads; everything is called from one event loop.
// The protocol is docs/signaling.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "media/base/Expected.hpp"
#include "media/base/Random.hpp"
#include "media/control/Messages.hpp"
#include "signaling/Clock.hpp"
#include "signaling/Connection.hpp"
#include "signaling/KeyDirectory.hpp"
#include "signaling/Mailboxes.hpp"
#include "signaling/MediaPlane.hpp"
#include "signaling/Settings.hpp"
#include "signaling/Tokens.hpp"
#include "signaling/storage/Storage.hpp"

namespace sotto::signaling {

/// Names one socket for as long as the process lives; never 0, never reused.
using ConnectionId = uint64_t;

/// What `POST /api/token` asks for: `user` and `device` are drawn at random where they are empty; without a
/// room the token is for keys and messages alone.
struct DevelopmentTokenRequest {
  std::string room, name, user, device;
};

/// What `POST /api/token` answers with in development mode.
struct DevelopmentToken {
  std::string token, user, device;
};

class Service final : public MediaPlaneListener {
 public:
  /// References must outlive the service. `random` must be a CSPRNG outside of tests.
  /// The storage may answer after the service has gone: it is not heard then.
  Service(Settings settings, MediaPlane& mediaPlane, base::Random& random, Storage& storage);
  ~Service() override;

  /// A socket has opened. The connection is kept until onClose() or until the service has closed it. May be
  /// closed at once (1013) when there are too many.
  ConnectionId onOpen(std::shared_ptr<Connection> connection, Now now);
  /// One text message. Ignored for an id that is closed or was never open. An exception that it brings out
  /// ends this client's session (1011) and goes no further.
  void onMessage(ConnectionId id, std::string_view text, Now now);
  /// The socket is gone, whoever closed it. Safe to call for an id that the service has closed itself.
  void onClose(ConnectionId id, Now now);

  /// Runs what is due: join timeouts, sessions that were not resumed, rooms to place again.
  void onTime(Now now);
  /// When onTime() is wanted next; plusInfinity when nothing waits. May move with every call into the
  /// service, onMediaEvent, onRoomLost and the `done` of requests included.
  base::Timestamp nextDeadline() const;

  void onMediaEvent(const control::Event& event) override;
  void onRoomLost(const std::string& room, const std::string& reason) override;

  /// Tells every client `stopping` and closes its socket (1001); what comes in later is closed at once.
  void stop(const std::string& reason);

  /// A token for whoever asks; an error (for a person) when development mode is off or an argument is bad.
  base::Expected<DevelopmentToken> developmentToken(const DevelopmentTokenRequest& request, Now now);

  /// Who asks, by a token that need not name a room.
  Result<TokenClaims> authenticate(std::string_view token, Now now);
  /// The key directory and the mailboxes, for the HTTP API; `now` is the time of what is asked of them next.
  KeyDirectory& keys(Now now);
  Mailboxes& mailboxes(Now now);

  /// Names ending in `_total` only ever grow; the others are present values (rooms, participants,
  /// connections).
  std::vector<control::Counter> counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sotto::signaling
