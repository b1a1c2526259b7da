// Sockets and what they send: limits first, then the request is handed to Admission or MediaControl.
#include "signaling/Service.hpp"

#include <algorithm>
#include <exception>
#include <unordered_map>
#include <variant>

#include "signaling/Admission.hpp"
#include "signaling/DeadlineQueue.hpp"
#include "signaling/DeviceRequests.hpp"
#include "signaling/Directory.hpp"
#include "signaling/Identifiers.hpp"
#include "signaling/Invitations.hpp"
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

void addKeyCounters(std::vector<control::Counter>& list, const KeyDirectory::Counters& keys,
                    const Mailboxes& mailboxes) {
  const Mailboxes::Counters& messages = mailboxes.counters();
  list.insert(list.end(), {{"devices_attached", mailboxes.attached()},
                           {"mailboxes_loaded", mailboxes.loaded()},
                           {"keys_registrations_total", keys.registrations},
                           {"keys_refused_signatures_total", keys.refusedKeys},
                           {"keys_one_time_handed_out_total", keys.handedOut},
                           {"keys_bundles_without_one_time_total", keys.withoutOneTime},
                           {"keys_fetches_limited_total", keys.limited},
                           {"messages_accepted_total", messages.accepted},
                           {"messages_relayed_total", messages.relayed},
                           {"messages_delivered_total", messages.delivered},
                           {"messages_acknowledged_total", messages.acknowledged},
                           {"messages_expired_sends_total", messages.expired},
                           {"messages_repeated_total", messages.repeated},
                           {"messages_refused_total{reason=\"full\"}", messages.full},
                           {"messages_refused_total{reason=\"unknown\"}", messages.unknown},
                           {"messages_refused_total{reason=\"rate\"}", messages.limited},
                           {"messages_refused_total{reason=\"storage\"}", messages.failed}});
}

}  // namespace

struct Service::Impl final : SocketAnswers {
  Impl(Settings settings, MediaPlane& mediaPlane, base::Random& random, Storage& storage)
      : directory(std::move(settings), mediaPlane, random),
        mailboxes(storage, random, directory.settings.limits.messages, directory.now),
        keys(storage, directory.settings.limits.directory, directory.now, mailboxes),
        devices(directory, keys, mailboxes, *this),
        media(
            directory, [this](const ParticipantPtr& participant) { continueWaiting(participant); },
            [this](const ParticipantPtr& participant) { endAfterFault(participant); }),
        admission(directory, media, [this](uint64_t id, uint16_t code, const std::string& reason) {
          close(id, code, reason);
        }) {}

  struct Socket {
    std::shared_ptr<Connection> connection;
    TokenBucket bucket;
    unsigned strikes = 0;
    base::Timestamp lastStrike = base::Timestamp::minusInfinity();
    ParticipantPtr participant;        ///< null until it has joined
    std::optional<DeviceName> device;  ///< once it has joined or attached
    bool attached = false;
  };

  bool isOpen(uint64_t id) const override { return sockets.contains(id); }
  void answer(uint64_t id, const std::string& text) override {
    const auto found = sockets.find(id);
    if (found != sockets.end()) found->second.connection->send(text);
  }
  void refuseRequest(uint64_t id, uint64_t request, const RequestError& error) override {
    const auto found = sockets.find(id);
    if (found != sockets.end()) tellError(found->second, request, error);
  }

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
                   base::Timestamp::minusInfinity(), nullptr, std::nullopt, false});
    joinDeadlines.add(now + settings.joinTimeout, id);
  }

  /// The socket is forgotten first: whatever it still brings is ignored.
  void close(ConnectionId id, uint16_t code, const std::string& reason) {
    const auto found = sockets.find(id);
    if (found == sockets.end()) return;
    const Socket socket = std::move(found->second);
    sockets.erase(found);
    socket.connection->close(code, reason);
    lost(id, socket);
  }

  void lost(ConnectionId id, const Socket& socket) {
    const ParticipantPtr& participant = socket.participant;
    if (socket.attached) mailboxes.detach(*socket.device, id);
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
    if (dispatchDevice(id, socket, message)) return;
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
    if (const auto* invitation = std::get_if<InviteRequest>(&message.body)) {
      return invite(socket, message.id, *invitation);
    }
    if (socket.participant->waiting.size() >= maxWaiting) {
      return tellError(socket, message.id, rateLimited("too many requests wait for their answers"));
    }
    const ParticipantPtr participant = socket.participant;
    participant->waiting.push_back(std::move(message));
    continueWaiting(participant);
  }

  /// What needs no room. False for other requests.
  bool dispatchDevice(ConnectionId id, Socket& socket, ClientMessage& message) {
    if (const auto* attach = std::get_if<AttachRequest>(&message.body)) {
      const auto device = devices.identify(*attach, socket.device ? &*socket.device : nullptr);
      if (!device) return tellError(socket, message.id, device.error()), true;
      socket.device = *device;
      socket.attached = true;
      devices.attach(id, message.id, *attach, *device, socket.connection);
      return true;
    }
    auto* send = std::get_if<SendRequest>(&message.body);
    const auto* ack = std::get_if<AckRequest>(&message.body);
    if (send == nullptr && ack == nullptr) return false;
    if (!socket.device) {
      tellError(socket, message.id,
                {ErrorCode::NotJoined, "this socket is nobody's yet: attach or join first", 0, {}, {}});
    } else if (send != nullptr) {
      devices.send(id, message.id, std::move(*send), *socket.device);
    } else {
      devices.acknowledge(id, message.id, *ack, *socket.device);
    }
    return true;
  }

  void invite(Socket& socket, uint64_t request, const InviteRequest& body) {
    const Participant& participant = *socket.participant;
    if (!participant.mayPublish) {
      return tellError(socket, request,
                       {ErrorCode::Forbidden, "inviting needs the grant to publish", 0, {}, {}});
    }
    const auto changed =
        changeInvited(*participant.room, body.users, body.invite, directory.settings.limits.invitedPerRoom);
    if (!changed) return tellError(socket, request, changed.error());
    socket.connection->send(inviteReply(request, participant.room->invited));
  }

  void join(ConnectionId id, Socket& socket, uint64_t request, const JoinRequest& body) {
    const std::shared_ptr<Connection> connection = socket.connection;
    auto joined = admission.join(request, body, connection, id, socket.device ? &*socket.device : nullptr);
    if (!joined) return tellError(socket, request, joined.error());
    socket.participant = std::move(*joined);
    socket.device = {socket.participant->view.user, socket.participant->view.device};
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
    if (socket.attached) mailboxes.detach(*socket.device, id);
    if (!socket.participant) return;
    socket.participant->connection.reset();
    admission.leave(socket.participant, "removed");
  }

  /// The same for what an earlier request of the participant, or a report about it, has brought about.
  void endAfterFault(const ParticipantPtr& participant) {
    if (participant->connection) return endAfterFault(participant->connectionId);
    ++directory.metrics.closedForFault;
    admission.leave(participant, "removed");
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
      if (found == sockets.end() || found->second.device) continue;
      ++directory.metrics.closedForSilence;
      close(*id, closePolicy, "no join in time");
    }
    admission.onTime();
    media.onTime();
    mailboxes.onTime();
  }

  void stop(const std::string& reason) {
    stopping = true;
    stopReason = reason;
    const std::string text = stoppingEvent(reason);
    for (auto& [id, socket] : sockets) {
      socket.connection->send(text);
      socket.connection->close(closeGoingAway, "stopping");
      if (socket.participant) socket.participant->connection.reset();
      if (socket.attached) mailboxes.detach(*socket.device, id);
    }
    sockets.clear();
    joinDeadlines.clear();
  }

  std::vector<control::Counter> counters() const;

  Directory directory;
  Mailboxes mailboxes;
  KeyDirectory keys;
  DeviceRequests devices;
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
  addKeyCounters(list, keys.counters(), mailboxes);
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

Service::Service(Settings settings, MediaPlane& mediaPlane, base::Random& random, Storage& storage)
    : impl_(std::make_unique<Impl>(std::move(settings), mediaPlane, random, storage)) {}
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
  const Impl::Socket socket = std::move(found->second);
  impl_->sockets.erase(found);
  impl_->lost(id, socket);
}

void Service::onTime(Now now) {
  impl_->directory.now = now;
  impl_->time();
}

base::Timestamp Service::nextDeadline() const {
  return std::min({impl_->joinDeadlines.next(), impl_->admission.nextDeadline(), impl_->media.nextDeadline(),
                   impl_->mailboxes.nextDeadline()});
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

base::Expected<DevelopmentToken> Service::developmentToken(const DevelopmentTokenRequest& request, Now now) {
  Directory& directory = impl_->directory;
  if (!directory.settings.development)
    return base::fail("development mode is off, so no tokens are issued here");
  constexpr size_t suffixBytes = 8;
  TokenClaims claims;
  const auto named = [&directory](const std::string& wanted, const char* prefix) {
    return wanted.empty() ? prefix + randomHex(directory.random, suffixBytes) : wanted;
  };
  claims.room = request.room;
  claims.name = request.name;
  claims.user = named(request.user, "user-");
  claims.device = named(request.device, "device-");
  claims.expiresAt = (now.unixMs + directory.settings.developmentTokenLife.ms()) / 1000;
  auto token = issueToken(directory.settings.authSecret, claims);
  if (!token) return tl::make_unexpected(token.error());
  ++directory.metrics.tokensIssued;
  return DevelopmentToken{std::move(*token), claims.user, claims.device};
}

Result<TokenClaims> Service::authenticate(std::string_view token, Now now) {
  impl_->directory.now = now;
  auto claims = verifyToken(impl_->directory.settings.authSecret, token, now.unixMs / 1000);
  if (claims) return *std::move(claims);
  ++impl_->directory.metrics.tokenFaults[static_cast<size_t>(claims.error().fault)];
  impl_->directory.count(claims.error().error);
  return tl::make_unexpected(claims.error().error);
}

KeyDirectory& Service::keys(Now now) {
  impl_->directory.now = now;
  return impl_->keys;
}

Mailboxes& Service::mailboxes(Now now) {
  impl_->directory.now = now;
  return impl_->mailboxes;
}

std::vector<control::Counter> Service::counters() const {
  return impl_->counters();
}

}  // namespace sotto::signaling
