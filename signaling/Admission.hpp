// Who comes into a room and who goes: tokens, limits, sessions that outlive their socket, and the roster
// events of all that.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "signaling/DeadlineQueue.hpp"
#include "signaling/Directory.hpp"
#include "signaling/MediaControl.hpp"
#include "signaling/Tokens.hpp"

namespace sotto::signaling {

class Admission {
 public:
  /// `closeSocket` is called for a socket that gives way to another one of the same device.
  using CloseSocket = std::function<void(uint64_t connectionId, uint16_t code, const std::string& reason)>;
  Admission(Directory& directory, MediaControl& media, CloseSocket closeSocket);

  /// Answers `id` on the connection and tells the others; or gives the error to answer with. `device`: whose
  /// socket it is already (null: nobody's).
  Result<ParticipantPtr> join(uint64_t id, const JoinRequest& request,
                              const std::shared_ptr<Connection>& connection, uint64_t connectionId,
                              const DeviceName* device = nullptr);
  /// Takes the participant out of its room; the room is closed when it was the last. `reason` as in the event
  /// `participant-left`.
  void leave(const ParticipantPtr& participant, std::string_view reason);
  /// The socket is gone; the session may be resumed for a while.
  void detach(const ParticipantPtr& participant);

  void onTime();
  base::Timestamp nextDeadline() const { return resumeDeadlines_.next(); }

 private:
  Result<TokenClaims> authorize(const JoinRequest& request) const;
  ParticipantPtr resumable(const JoinRequest& request, const TokenClaims& claims) const;
  Result<RoomPtr> roomFor(const std::string& name, bool replacesOne);
  void resume(uint64_t id, const ParticipantPtr& participant, const std::shared_ptr<Connection>& connection,
              uint64_t connectionId);
  void sendReply(uint64_t id, const Participant& participant, bool resumed) const;
  void displaceSocket(Participant& participant);

  Directory& directory_;
  MediaControl& media_;
  CloseSocket closeSocket_;
  DeadlineQueue<std::weak_ptr<Participant>> resumeDeadlines_;
};

}  // namespace sotto::signaling
