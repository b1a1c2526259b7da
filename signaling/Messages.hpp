// What a client may ask, as typed values; and the text of everything it is told. The JSON of
// docs/signaling.md, version 1, lives behind this header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "media/control/Messages.hpp"
#include "signaling/KeyMessages.hpp"
#include "signaling/Negotiation.hpp"
#include "signaling/RequestError.hpp"
#include "signaling/Settings.hpp"

namespace sotto::signaling {

constexpr int protocolVersion = 1;

// ---- requests ----------------------------------------------------------------------------------------

struct JoinRequest {
  int64_t version = 0;
  std::string token;
  std::optional<std::string> room;  ///< when given, the token's room must be the same
  std::vector<std::string> suites;  ///< empty: a client that cannot seal
  struct Resume {
    std::string session, secret;
  };
  std::optional<Resume> resume;
};

struct OfferRequest {
  std::string sdp;
  std::optional<std::vector<NamedTrack>> tracks;
  std::optional<std::string> e2ee;   ///< JSON as it is passed on
  std::optional<std::string> suite;  ///< e2ee.suite, where it is a string
};

struct SubscribeRequest {
  std::vector<control::SlotWish> wishes;
};
struct MuteRequest {
  control::TrackSource source = control::TrackSource::Microphone;
  bool muted = false;
};
struct RateCapRequest {
  std::optional<uint64_t> bitsPerSecond;
};
struct LeaveRequest {};
struct PingRequest {};

/// This socket is to get the messages of its device (docs/directory.md).
struct AttachRequest {
  std::string token;   ///< may be empty once joined
  uint64_t after = 0;  ///< messages up to this one are known already
};
struct AckRequest {
  uint64_t upTo = 0;
};
struct InviteRequest {
  std::vector<std::string> users;
  bool invite = true;  ///< false: uninvite
};

using RequestMessage =
    std::variant<JoinRequest, OfferRequest, SubscribeRequest, MuteRequest, RateCapRequest, LeaveRequest,
                 PingRequest, AttachRequest, SendRequest, AckRequest, InviteRequest>;
struct ClientMessage {
  uint64_t id = 0;
  RequestMessage body;
};

/// `id` is none when the message could not be tied to a request.
struct MessageFailure {
  std::optional<uint64_t> id;
  RequestError error;
};

/// Never throws. Bounded before anything is built: size, and depth of nesting.
tl::expected<ClientMessage, MessageFailure> parseMessage(std::string_view text, const Limits& limits);

// ---- what a client is told ---------------------------------------------------------------------------

/// A participant as everybody in its room sees it.
struct ParticipantView {
  std::string id, user, device, name;
  uint16_t sender = 0;
  struct Track {
    control::TrackSource source = control::TrackSource::Microphone;
    bool muted = false;
    bool operator==(const Track&) const = default;
  };
  std::vector<Track> tracks;
  std::string e2ee;  ///< JSON; empty: nothing published yet
  bool connected = true;
  bool data = false;  ///< its reliable data channel is open
};

struct JoinReply {
  bool resumed = false;
  std::string session, secret;
  ParticipantView self;
  std::vector<ParticipantView> roster;  ///< the others
  std::string room;
  control::E2eePolicy e2ee = control::E2eePolicy::Required;
  std::string call;                  ///< names the call: 32 hexadecimal digits
  std::vector<std::string> invited;  ///< users
  std::vector<std::string> suites;   ///< that may be used in the room
};

std::string okReply(uint64_t id);
std::string joinReply(uint64_t id, const JoinReply& reply, const Limits& limits);
std::string offerReply(uint64_t id, const std::string& answer, const std::vector<control::Slot>& slots);
std::string pingReply(uint64_t id, int64_t unixMs);
std::string errorReply(uint64_t id, const RequestError& error);

std::string participantJoinedEvent(const ParticipantView& participant);
std::string participantUpdatedEvent(const ParticipantView& participant);
std::string participantLeftEvent(const std::string& participant, std::string_view reason);
std::string slotsEvent(const std::vector<control::SlotBinding>& bindings);
std::string speakersEvent(const std::vector<control::SpeakersChanged::Speaker>& speakers);
std::string layersEvent(const std::vector<control::LayersChanged::Layer>& layers);
std::string mediaConnectedEvent();
std::string dataChannelEvent(bool open, const std::string& reason);
std::string mediaRestartEvent(const std::string& reason);
std::string stoppingEvent(const std::string& reason);
std::string removedEvent(std::string_view reason);
std::string attachReply(uint64_t id, const DeviceName& device, size_t pending);
std::string sendReply(uint64_t id, const SendResult& result);
std::string inviteReply(uint64_t id, const std::vector<std::string>& users);
std::string invitedEvent(const std::vector<std::string>& users);
std::string errorEvent(const RequestError& error);

}  // namespace sotto::signaling
