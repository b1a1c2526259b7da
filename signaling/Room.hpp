// A room and who is in it: the roster, and what has been agreed with each participant. State and its simple
// questions only; Admission fills rooms, MediaControl connects them to the media plane.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "media/base/Units.hpp"
#include "signaling/Connection.hpp"
#include "signaling/Messages.hpp"
#include "signaling/Negotiation.hpp"

namespace sotto::signaling {

class Room;

/// What stands between one participant and its room's worker.
struct MediaState {
  /// Set once the worker has confirmed it; none: no endpoint there.
  std::optional<Agreement> agreement;
  /// The worker has been asked about an offer and has not answered. What it reports meanwhile may concern
  /// slots that the client learns of with the answer, and is kept until then.
  bool offerInFlight = false;
  bool reportsKept = false;
  /// The offer in flight sets up a new endpoint; state events still concern the one that was there before.
  bool settingUp = false;
  /// The client must be told to offer again, and was not there to hear it.
  bool restartOwed = false;
  std::string restartReason;
  std::vector<control::SlotWish> wishes;
  std::optional<uint64_t> rateCap;
  /// The latest of each mid: what a client that comes back has missed.
  std::map<std::string, control::SlotBinding> bindings;
  std::map<std::string, control::LayersChanged::Layer> layers;
  bool connected = false;

  void clearReports() {
    bindings.clear();
    layers.clear();
  }
};

/// One session of one device of one user. Shared with callbacks, which find `room` null once it has left.
struct Participant {
  Room* room = nullptr;
  ParticipantView view;  ///< what everybody sees
  bool mayPublish = true, maySubscribe = true;
  std::string sessionId, sessionSecret;
  std::shared_ptr<Connection> connection;  ///< null while it may only be resumed
  uint64_t connectionId = 0;
  base::Timestamp resumeDeadline = base::Timestamp::plusInfinity();
  MediaState media;

  /// Requests of one client that concern the media plane are carried out one after the other.
  bool busy = false;
  std::deque<ClientMessage> waiting;
  /// An offer that waits for its room to be placed.
  struct PendingOffer {
    uint64_t requestId = 0;
    uint64_t connectionId = 0;
    OfferRequest request;
    base::Timestamp deadline;
  };
  std::optional<PendingOffer> pendingOffer;

  void send(const std::string& text) const {
    if (connection) connection->send(text);
  }
};
using ParticipantPtr = std::shared_ptr<Participant>;

class Room {
 public:
  /// `call` names what happens in this room from now until it is empty: 32 hexadecimal digits.
  Room(std::string name, std::string call, control::E2eePolicy e2ee)
      : name_(std::move(name)), call_(std::move(call)), e2ee_(e2ee) {}
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  const std::string& name() const { return name_; }
  const std::string& call() const { return call_; }
  control::E2eePolicy e2ee() const { return e2ee_; }
  const std::unordered_map<std::string, ParticipantPtr>& participants() const { return participants_; }
  /// Null when nobody has this id.
  ParticipantPtr find(const std::string& id) const;
  /// The session of this device of this user; null when there is none.
  ParticipantPtr findDevice(const std::string& user, const std::string& device) const;

  bool hasUser(const std::string& user) const;

  /// 1..65535, each once in the room's life; none when they are used up.
  std::optional<uint16_t> drawSender();
  void add(ParticipantPtr participant);
  void remove(const std::string& id);

  /// To all who are connected, but for one participant (or nobody).
  void broadcast(const std::string& text, const Participant* except = nullptr) const;
  /// The others, by sender number: in the order in which they joined.
  std::vector<ParticipantView> rosterFor(const Participant& self) const;

  /// Whether the room stands on a worker.
  enum class Placement { None, InProgress, Placed };
  Placement placement = Placement::None;
  /// Counts placements, so that a late answer about an earlier one is known as such.
  uint64_t placementAttempt = 0;
  std::vector<control::SpeakersChanged::Speaker> speakers;
  /// Users who are invited and not in the room, in the order of their invitation.
  std::vector<std::string> invited;

 private:
  std::string name_, call_;
  control::E2eePolicy e2ee_;
  std::unordered_map<std::string, ParticipantPtr> participants_;
  uint16_t lastSender_ = 0;
};
using RoomPtr = std::shared_ptr<Room>;

}  // namespace sotto::signaling
