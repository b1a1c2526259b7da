// Sockets and what they send: limits first, then the request is handed to Admission or MediaControl.
#include "signaling/Service.hpp"

#include <algorithm>
#include <exception>
#include <unordered_map>
#include <variant>

#include "signaling/Admission.hpp"
#include "signaling/DeadlineQueue.hpp"
#include "signaling/Directory.hpp"
#include "signaling/Identifiers.hpp"
#include "signaling/MediaControl.hpp"
#include "signaling/Messages.hpp"
#include "signaling/TokenBucket.hpp"
#include "signaling/Tokens.hpp"

namespace sotto::signaling {
namespace {

/// WebSocket close codes (RFC 6455 section 7.4.1).
constexpr uint16_t closeNormal = 1000;
constexpr uint16_t closeGoingAway = 1001;
constexpr uint16_t closePolicy = 1008;
constexpr uint16_t closeTooBig = 1009;
constexpr uint16_t closeInternalError = 1011;
constexpr uint16_t closeTryLater = 1013;

/// A socket that goes on sending too much is closed after this many refusals, none of them this long apart.
constexpr unsigned maxRateStrikes = 50;
constexpr base::TimeDelta strikeMemory = base::TimeDelta::seconds(10);
/// Requests that wait behind one that the media plane has not answered yet.
constexpr size_t maxWaiting = 32;
/// Refused messages up to this size are read for their id; longer ones are not worth the work.
constexpr size_t cheapMessageBytes = 4096;

RequestError rateLimited(std::string message) {
  return {ErrorCode::RateLimited, std::move(message), 0, {}, {}};
}

}  // namespace

struct Service::Impl {
  Impl(Settings settings, MediaPlane& mediaPlane, base::Random& random)
      : directory(std::move(settings), mediaPlane, random),
        media(directory, [this](const ParticipantPtr& participant) { continueWaiting(participant); }),
        admission(directory, media, [this](uint64_t id, uint16_t code, const std::string& reason) {
          close(id, code, reason);
        }) {}

  struct Socket {
    std::shared_ptr<Connection> connection;
    TokenBucket bucket;
    unsigned strikes = 0;
    base::Timestamp lastStrike = base::Timestamp::minusInfinity();
    ParticipantPtr participant;  ///< null until it has joined
  };

  void open(ConnectionId id, std::shared_ptr<Connection> connection) {
    ++directory.metrics.connections;
    const Settings& settings = directory.settings;
    if (stopping) {
      connection->send(stoppingEvent(stopReason));
      return connection->close(closeGoingAway, "stopping");
    }
    if (sockets.size() >= settings.limits.connections)
      return connection->close(closeTryLater, "too many connections");
    const base::Timestamp now = directory.now.monotonic;
    const Limits& limits = settings.limits;
    sockets.emplace(
        id, Socket{std::move(connection), TokenBucket(limits.messagesPerSecond, limits.messageBurst, now), 0,
                   base::Timestamp::minusInfinity(), nullptr});
    joinDeadlines.add(now + settings.joinTimeout, id);
  }

  /// The socket is forgotten first: whatever it still brings is ignored.
  void close(ConnectionId id, uint16_t code, const std::string& reason) {
    const auto found = sockets.find(id);
    if (found == sockets.end()) return;
    const std::shared_ptr<Connection> connection = found->second.connection;
    const ParticipantPtr participant = found->second.participant;
    sockets.erase(found);
    connection->close(code, reason);
    lost(id, participant);
  }

  void lost(ConnectionId id, const ParticipantPtr& participant) {
    if (participant && participant->room != nullptr && participant->connectionId == id &&
        participant->connection) {
      admission.detach(participant);
    }
  }

  void message(ConnectionId id, std::string_view text) {
    const auto found = sockets.find(id);
    if (found == sockets.end()) return;
    ++directory.metrics.messages;
    Socket& socket = found->second;
    if (text.size() > directory.settings.limits.messageBytes) {
      ++directory.metrics.closedForSize;
      return close(id, closeTooBig, "message too big");
    }
    if (!socket.bucket.take(directory.now.monotonic)) return strike(id, socket, text);
    auto parsed = parseMessage(text, directory.settings.limits);
    if (!parsed) return tellError(socket, parsed.error().id, parsed.error().error);
    dispatch(id, socket, std::move(*parsed));
  }

  void strike(ConnectionId id, Socket& socket, std::string_view text) {
    const base::Timestamp now = directory.now.monotonic;
    socket.strikes = now - socket.lastStrike > strikeMemory ? 1 : socket.strikes + 1;
    socket.lastStrike = now;
    if (socket.strikes > maxRateStrikes) {
      ++directory.metrics.closedForRate;
      return close(id, closePolicy, "too many messages");
    }
    std::optional<uint64_t> request;
    if (text.size() <= cheapMessageBytes) {
      const auto parsed = parseMessage(text, directory.settings.limits);
      request = parsed ? parsed->id : parsed.error().id;
    }
    tellError(socket, request, rateLimited("too many messages; slow down"));
  }

  void tellError(const Socket& socket, std::optional<uint64_t> id, const RequestError& error) {
    directory.count(error);
    socket.connection->send(id ? errorReply(*id, error) : errorEvent(error));
  }

  void dispatch(ConnectionId id, Socket& socket, ClientMessage message) {
    if (std::holds_alternative<PingRequest>(message.body)) {
      return socket.connection->send(pingReply(message.id, directory.now.unixMs));
    }
    const bool joins = std::holds_alternative<JoinRequest>(message.body);
    if (!socket.participant && !joins) {
      return tellError(socket, message.id,
                       {ErrorCode::NotJoined, "this socket has not joined a room: join first", 0, {}, {}});
    }
    if (socket.participant && joins) {
      return tellError(socket, message.id, {ErrorCode::AlreadyJoined, "this socket has joined", 0, {}, {}});
    }
    if (joins) return join(id, socket, message.id, std::get<JoinRequest>(message.body));
    if (std::holds_alternative<LeaveRequest>(message.body)) return leave(id, socket, message.id);
    if (socket.participant->waiting.size() >= maxWaiting) {
      return tellError(socket, message.id, rateLimited("too many requests wait for their answers"));
    }
    const ParticipantPtr participant = socket.participant;
    participant->waiting.push_back(std::move(message));
    continueWaiting(participant);
  }

  void join(ConnectionId id, Socket& socket, uint64_t request, const JoinRequest& body) {
    const std::shared_ptr<Connection> connection = socket.connection;
    auto joined = admission.join(request, body, connection, id);
    if (!joined) return tellError(socket, request, joined.error());
    socket.participant = std::move(*joined);
  }

  /// A message brought out an error in this program. What it left half done is unknown, so the session ends
  /// with its socket: the client comes back with a fresh one, and nobody else notices.
  void endAfterFault(ConnectionId id) {
    ++directory.metrics.closedForFault;
    const auto found = sockets.find(id);
    if (found == sockets.end()) return;
    const Socket socket = std::move(found->second);
    sockets.erase(found);
    const RequestError error{ErrorCode::Internal, "the server failed at this message", 0, {}, {}};
    directory.count(error);
    socket.connection->send(errorEvent(error));
    socket.connection->close(closeInternalError, "internal error");
    if (!socket.participant) return;
    socket.participant->connection.reset();
    admission.leave(socket.participant, "removed");
  }

  void leave(ConnectionId id, Socket& socket, uint64_t request) {
    socket.connection->send(okReply(request));
    const ParticipantPtr participant = socket.participant;
    admission.leave(participant, "left");
    close(id, closeNormal, "left");
  }

  /// Carries out requests in their order, as long as none of them has to wait for the media plane.
  void continueWaiting(const ParticipantPtr& participant) {
    while (!participant->busy && !participant->waiting.empty() && participant->room != nullptr) {
      ClientMessage message = std::move(participant->waiting.front());
      participant->waiting.pop_front();
      if (auto* offer = std::get_if<OfferRequest>(&message.body)) {
        media.offer(participant, message.id, std::move(*offer));
      } else if (auto* subscribe = std::get_if<SubscribeRequest>(&message.body)) {
        media.subscribe(participant, message.id, std::move(*subscribe));
      } else if (const auto* mute = std::get_if<MuteRequest>(&message.body)) {
        media.mute(participant, message.id, *mute);
      } else if (const auto* rateCap = std::get_if<RateCapRequest>(&message.body)) {
        media.rateCap(participant, message.id, *rateCap);
      }
    }
  }

  void time() {
    while (const auto id = joinDeadlines.takeDue(directory.now.monotonic)) {
      const auto found = sockets.find(*id);
      if (found == sockets.end() || found->second.participant) continue;
      ++directory.metrics.closedForSilence;
      close(*id, closePolicy, "no join in time");
    }
    admission.onTime();
    media.onTime();
  }

  void stop(const std::string& reason) {
    stopping = true;
    stopReason = reason;
    const std::string text = stoppingEvent(reason);
    for (auto& [id, socket] : sockets) {
      socket.connection->send(text);
      socket.connection->close(closeGoingAway, "stopping");
      if (socket.participant) socket.participant->connection.reset();
    }
    sockets.clear();
    joinDeadlines.clear();
  }

  std::vector<control::Counter> counters() const;

  Directory directory;
  MediaControl media;
  Admission admission;
  std::unordered_map<ConnectionId, Socket> sockets;
  DeadlineQueue<ConnectionId> joinDeadlines;
  ConnectionId lastId = 0;
  bool stopping = false;
  std::string stopReason;
};

std::vector<control::Counter> Service::Impl::counters() const {
  const Metrics& m = directory.metrics;
  std::vector<control::Counter> list{
      {"connections", sockets.size()},
      {"rooms", directory.rooms.size()},
      {"participants", directory.sessions.size()},
      {"signaling_connections_total", m.connections},
      {"signaling_messages_total", m.messages},
      {"signaling_joins_total", m.joins},
      {"signaling_resumes_total", m.resumes},
      {"signaling_replaced_total", m.replaced},
      {"signaling_timeouts_total", m.timeouts},
      {"signaling_offers_total", m.offers},
      {"signaling_media_restarts_total", m.mediaRestarts},
      {"signaling_rooms_lost_total", m.roomsLost},
      {"signaling_tokens_issued_total", m.tokensIssued},
      {"signaling_closed_total{reason=\"rate\"}", m.closedForRate},
      {"signaling_closed_total{reason=\"size\"}", m.closedForSize},
      {"signaling_closed_total{reason=\"no_join\"}", m.closedForSilence},
      {"signaling_closed_total{reason=\"internal\"}", m.closedForFault},
  };
  for (size_t i = 0; i < m.tokenFaults.size(); ++i) {
    const std::string reason(tokenFaultName(static_cast<TokenFault>(i)));
    list.push_back({"signaling_tokens_refused_total{reason=\"" + reason + "\"}", m.tokenFaults[i]});
  }
  for (size_t i = 0; i < m.errors.size(); ++i) {
    const std::string code(errorCodeName(static_cast<ErrorCode>(i)));
    list.push_back({"signaling_errors_total{code=\"" + code + "\"}", m.errors[i]});
  }
  return list;
}

Service::Service(Settings settings, MediaPlane& mediaPlane, base::Random& random)
    : impl_(std::make_unique<Impl>(std::move(settings), mediaPlane, random)) {}
Service::~Service() = default;

ConnectionId Service::onOpen(std::shared_ptr<Connection> connection, Now now) {
  impl_->directory.now = now;
  const ConnectionId id = ++impl_->lastId;
  impl_->open(id, std::move(connection));
  return id;
}

void Service::onMessage(ConnectionId id, std::string_view text, Now now) {
  impl_->directory.now = now;
  try {
    impl_->message(id, text);
  } catch (const std::exception&) {
    impl_->endAfterFault(id);
  }
}

void Service::onClose(ConnectionId id, Now now) {
  impl_->directory.now = now;
  const auto found = impl_->sockets.find(id);
  if (found == impl_->sockets.end()) return;
  const ParticipantPtr participant = found->second.participant;
  impl_->sockets.erase(found);
  impl_->lost(id, participant);
}

void Service::onTime(Now now) {
  impl_->directory.now = now;
  impl_->time();
}

base::Timestamp Service::nextDeadline() const {
  return std::min(
      {impl_->joinDeadlines.next(), impl_->admission.nextDeadline(), impl_->media.nextDeadline()});
}

void Service::onMediaEvent(const control::Event& event) {
  impl_->media.onEvent(event);
}

void Service::onRoomLost(const std::string& room, const std::string& reason) {
  impl_->media.onRoomLost(room, reason);
}

void Service::stop(const std::string& reason) {
  impl_->stop(reason);
}

base::Expected<DevelopmentToken> Service::developmentToken(std::string_view room, std::string_view name,
                                                           Now now) {
  Directory& directory = impl_->directory;
  if (!directory.settings.development)
    return base::fail("development mode is off, so no tokens are issued here");
  constexpr size_t suffixBytes = 8;
  TokenClaims claims;
  claims.room = room;
  claims.name = name;
  claims.user = "user-" + randomHex(directory.random, suffixBytes);
  claims.device = "device-" + randomHex(directory.random, suffixBytes);
  claims.expiresAt = (now.unixMs + directory.settings.developmentTokenLife.ms()) / 1000;
  auto token = issueToken(directory.settings.authSecret, claims);
  if (!token) return tl::make_unexpected(token.error());
  ++directory.metrics.tokensIssued;
  return DevelopmentToken{std::move(*token), claims.user, claims.device};
}

std::vector<control::Counter> Service::counters() const {
  return impl_->counters();
}

}  // namespace sotto::signaling
