#include "signaling/Admission.hpp"

#include <algorithm>

#include "signaling/Identifiers.hpp"
#include "signaling/Invitations.hpp"

namespace sotto::signaling {
namespace {

/// Long enough that ids never meet by chance (2^64) and secrets cannot be guessed (2^128).
constexpr size_t idBytes = 8;
constexpr size_t secretBytes = 16;
constexpr size_t callBytes = 16;
/// Private use (RFC 6455 section 7.4.2): the same device has connected anew.
constexpr uint16_t closeReplaced = 4001;

}  // namespace

Admission::Admission(Directory& directory, MediaControl& media, CloseSocket closeSocket)
    : directory_(directory), media_(media), closeSocket_(std::move(closeSocket)) {}

Result<ParticipantPtr> Admission::join(uint64_t id, const JoinRequest& request,
                                       const std::shared_ptr<Connection>& connection, uint64_t connectionId,
                                       const DeviceName* device) {
  const auto claims = authorize(request);
  if (!claims) return tl::make_unexpected(claims.error());
  if (device != nullptr && *device != DeviceName{claims->user, claims->device}) {
    return refuse(ErrorCode::Forbidden, "this socket belongs to another device");
  }
  if (const ParticipantPtr participant = resumable(request, *claims)) {
    resume(id, participant, connection, connectionId);
    return participant;
  }
  const RoomPtr existing = directory_.findRoom(claims->room);
  const ParticipantPtr former = existing ? existing->findDevice(claims->user, claims->device) : nullptr;
  const auto room = roomFor(claims->room, former != nullptr);
  if (!room) return tl::make_unexpected(room.error());
  const auto sender = (*room)->drawSender();
  if (!sender) return refuse(ErrorCode::RoomFull, "the room has used up its sender numbers");

  const auto participant = std::make_shared<Participant>();
  participant->view.id = "p_" + randomHex(directory_.random, idBytes);
  participant->view.user = claims->user;
  participant->view.device = claims->device;
  participant->view.name = claims->name;
  participant->view.sender = *sender;
  participant->mayPublish = claims->publish;
  participant->maySubscribe = claims->subscribe;
  participant->sessionId = "s_" + randomHex(directory_.random, idBytes);
  participant->sessionSecret = randomHex(directory_.random, secretBytes);
  participant->connection = connection;
  participant->connectionId = connectionId;
  // In before the former one goes, so that the room does not close in between.
  (*room)->add(participant);
  directory_.sessions[participant->sessionId] = participant;
  if (former) {
    ++directory_.metrics.replaced;
    former->send(participantLeftEvent(former->view.id, "removed"));
    displaceSocket(*former);
    leave(former, "removed");
  }
  ++directory_.metrics.joins;
  uninviteArrived(**room, *participant);
  sendReply(id, *participant, false);
  if (!(*room)->speakers.empty()) participant->send(speakersEvent((*room)->speakers));
  (*room)->broadcast(participantJoinedEvent(participant->view), participant.get());
  media_.place(*room);
  return participant;
}

Result<TokenClaims> Admission::authorize(const JoinRequest& request) const {
  const Settings& settings = directory_.settings;
  if (request.version != protocolVersion) {
    RequestError error{ErrorCode::UnsupportedVersion, "this protocol version is not spoken here", 0, {}, {}};
    error.versions = {protocolVersion};
    return tl::make_unexpected(std::move(error));
  }
  auto claims = verifyToken(settings.authSecret, request.token, directory_.now.unixMs / 1000);
  const auto countFault = [this](TokenFault fault) {
    ++directory_.metrics.tokenFaults[static_cast<size_t>(fault)];
  };
  if (!claims) {
    countFault(claims.error().fault);
    return tl::make_unexpected(claims.error().error);
  }
  if (claims->room.empty()) {
    countFault(TokenFault::Claims);
    return refuse(ErrorCode::Unauthorized, "the token names no room, so it cannot join one");
  }
  if (request.room && *request.room != claims->room) {
    countFault(TokenFault::OtherRoom);
    return refuse(ErrorCode::Unauthorized, "the token is for another room");
  }
  if (directory_.policyOf(claims->room) == control::E2eePolicy::Required) {
    if (request.suites.empty()) {
      return refuse(ErrorCode::E2eeRequired, "this room is for clients that seal their media end to end");
    }
    const auto suites = directory_.suitesOf(claims->room);
    const bool allowed =
        std::any_of(request.suites.begin(), request.suites.end(), [&suites](const auto& suite) {
          return std::find(suites.begin(), suites.end(), suite) != suites.end();
        });
    if (!allowed) {
      std::string list;
      for (const std::string& suite : suites) list += (list.empty() ? "" : ", ") + suite;
      return refuse(ErrorCode::SuiteNotAllowed, "this room takes only these suites: " + list);
    }
  }
  return *std::move(claims);
}

ParticipantPtr Admission::resumable(const JoinRequest& request, const TokenClaims& claims) const {
  if (!request.resume) return nullptr;
  const auto found = directory_.sessions.find(request.resume->session);
  if (found == directory_.sessions.end()) return nullptr;
  const ParticipantPtr& participant = found->second;
  const bool same = participant->room->name() == claims.room && participant->view.user == claims.user &&
                    participant->view.device == claims.device;
  return same && equalSecrets(participant->sessionSecret, request.resume->secret) ? participant : nullptr;
}

Result<RoomPtr> Admission::roomFor(const std::string& name, bool replacesOne) {
  const Limits& limits = directory_.settings.limits;
  if (const RoomPtr room = directory_.findRoom(name)) {
    if (room->participants().size() >= limits.participantsPerRoom && !replacesOne) {
      return refuse(ErrorCode::RoomFull, "the room is full: " + std::to_string(limits.participantsPerRoom) +
                                             " participants are allowed");
    }
    return room;
  }
  if (directory_.rooms.size() >= limits.rooms) {
    return refuse(ErrorCode::TooManyRooms,
                  "the server is full: " + std::to_string(limits.rooms) + " rooms are allowed");
  }
  const RoomPtr room =
      std::make_shared<Room>(name, randomHex(directory_.random, callBytes), directory_.policyOf(name));
  directory_.rooms[name] = room;
  return room;
}

void Admission::resume(uint64_t id, const ParticipantPtr& participant,
                       const std::shared_ptr<Connection>& connection, uint64_t connectionId) {
  if (participant->connection) {
    displaceSocket(*participant);
    media_.detach(participant);
  }
  ++directory_.metrics.resumes;
  participant->connection = connection;
  participant->connectionId = connectionId;
  participant->resumeDeadline = base::Timestamp::plusInfinity();
  const bool wasAway = !participant->view.connected;
  participant->view.connected = true;
  sendReply(id, *participant, true);
  if (wasAway) participant->room->broadcast(participantUpdatedEvent(participant->view), participant.get());
  media_.reattach(participant);
}

void Admission::sendReply(uint64_t id, const Participant& participant, bool resumed) const {
  JoinReply reply;
  reply.resumed = resumed;
  reply.session = participant.sessionId;
  reply.secret = participant.sessionSecret;
  reply.self = participant.view;
  reply.roster = participant.room->rosterFor(participant);
  reply.room = participant.room->name();
  reply.e2ee = participant.room->e2ee();
  reply.call = participant.room->call();
  reply.invited = participant.room->invited;
  reply.suites = directory_.suitesOf(participant.room->name());
  participant.send(joinReply(id, reply, directory_.settings.limits));
}

void Admission::displaceSocket(Participant& participant) {
  if (!participant.connection) return;
  participant.send(removedEvent("replaced"));
  participant.connection.reset();
  closeSocket_(participant.connectionId, closeReplaced, "this device has joined again");
}

void Admission::leave(const ParticipantPtr& participant, std::string_view reason) {
  if (participant->room == nullptr) return;
  const RoomPtr room = directory_.findRoom(participant->room->name());
  media_.remove(participant);
  directory_.sessions.erase(participant->sessionId);
  room->remove(participant->view.id);
  if (room->participants().empty()) {
    media_.close(room);
    directory_.rooms.erase(room->name());
  } else {
    room->broadcast(participantLeftEvent(participant->view.id, reason));
  }
}

void Admission::detach(const ParticipantPtr& participant) {
  participant->connection.reset();
  participant->connectionId = 0;
  participant->resumeDeadline = directory_.now.monotonic + directory_.settings.resumeWindow;
  resumeDeadlines_.add(participant->resumeDeadline, participant);
  media_.detach(participant);
  participant->view.connected = false;
  participant->room->broadcast(participantUpdatedEvent(participant->view));
}

void Admission::onTime() {
  const base::Timestamp now = directory_.now.monotonic;
  while (const auto due = resumeDeadlines_.takeDue(now)) {
    const ParticipantPtr participant = due->lock();
    // Resumed meanwhile, perhaps lost again since: then another entry stands for it.
    if (!participant || participant->resumeDeadline > now || participant->room == nullptr) continue;
    ++directory_.metrics.timeouts;
    leave(participant, "timeout");
  }
}

}  // namespace sotto::signaling
