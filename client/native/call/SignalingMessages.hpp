// The client's side of docs/signaling.md: requests as JSON text, and what the server says as plain structs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/e2ee/KeyProvider.hpp"
#include "client/native/e2ee/messenger/MessengerPorts.hpp"
#include "media/base/Expected.hpp"
#include "media/control/Messages.hpp"

namespace sotto::client::call {

/// A participant with what it has published about its keys.
struct Member {
  Participant participant;
  std::optional<e2ee::PublishedKeyInfo> keys;
};

struct ErrorInfo {
  std::string code, message;
};

struct JoinReply {
  bool resumed = false;
  std::string sessionId, sessionSecret;
  Member self;
  std::vector<Member> roster;
  control::E2eePolicy e2ee = control::E2eePolicy::Required;
  uint32_t audioSlots = 0, videoSlots = 0;  ///< the most that the server takes
  std::string call;                         ///< the call's id; empty: a server without a key directory
  std::vector<std::string> invited;         ///< users
  std::vector<std::string> suites;          ///< that may be used in the room; empty: any
};

/// Answer to the request `id`: an error, or what the request type brings.
struct ReplyMessage {
  uint64_t id = 0;
  std::optional<ErrorInfo> error;
  std::optional<JoinReply> join;              ///< of join
  std::optional<std::string> sdp;             ///< of offer
  std::vector<e2ee::DeviceId> unknown, full;  ///< of send: whom the message does not reach
};

struct ParticipantJoined {
  Member member;
};
struct ParticipantUpdated {
  Member member;
};
struct ParticipantLeft {
  std::string participant, reason;
};
struct SlotsChanged {
  struct Slot {
    std::string mid, participant;  ///< participant empty: nothing plays there
    TrackSource source = TrackSource::Camera;
  };
  std::vector<Slot> slots;
};
struct Speakers {
  std::vector<std::string> participants;  ///< loudest first
};
struct MediaRestart {
  std::string reason;
};
/// This session or socket gave way to another of the same device.
struct Removed {
  std::string reason;
};
struct Stopping {
  std::string reason;
};
/// A sealed message for this device.
struct DeviceMessage {
  e2ee::IncomingMessage message;
};
struct PreKeysLow {
  size_t remaining = 0;
};
struct Invited {
  std::vector<std::string> users;
};
/// Another socket gets this device's messages from now on.
struct Detached {};
struct ErrorEvent {
  ErrorInfo error;
};
/// An event that the client has no use for (layers, media-connected) or that is newer than it.
struct OtherEvent {
  std::string name;
};

using ServerMessage = std::variant<ReplyMessage, ParticipantJoined, ParticipantUpdated, ParticipantLeft,
                                   SlotsChanged, Speakers, MediaRestart, Removed, Stopping, DeviceMessage,
                                   PreKeysLow, Invited, Detached, ErrorEvent, OtherEvent>;

/// Reads one message of the server; an error when it is not what the protocol says.
base::Expected<ServerMessage> parseServerMessage(std::string_view text);

struct JoinRequest {
  std::string token, clientName;
  bool canSeal = false;                     ///< names the three suites
  std::string resumeSession, resumeSecret;  ///< empty: a fresh join
};
std::string makeJoin(uint64_t id, const JoinRequest& request);

struct OfferRequest {
  struct Track {
    std::string mid;
    TrackSource source = TrackSource::Camera;
    bool muted = false;
  };
  std::string sdp;
  std::vector<Track> tracks;
  std::optional<e2ee::PublishedKeyInfo> keys;
};
std::string makeOffer(uint64_t id, const OfferRequest& request);
std::string makeSubscribe(uint64_t id, const std::vector<control::SlotWish>& wishes);
std::string makeMute(uint64_t id, TrackSource source, bool muted);
std::string makeRateCap(uint64_t id, std::optional<uint64_t> bitsPerSecond);
std::string makeLeave(uint64_t id);
std::string makeAttach(uint64_t id, const std::string& token);
std::string makeSend(uint64_t id, const e2ee::OutgoingMessage& message);
std::string makeInvite(uint64_t id, const std::vector<std::string>& users);
std::string makeAck(uint64_t id, uint64_t upTo);

/// "microphone", "camera", "screen".
const char* sourceName(TrackSource source);

}  // namespace sotto::client::call
