// What an application and a call say to each other: options, frames in both directions, the roster, and
// statistics. Plain values, no I/O and no JSON.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/native/call/TlsTrust.hpp"
#include "client/native/rtc/DataChannels.hpp"
#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"
#include "media/control/Messages.hpp"
#include "media/frame/Frame.hpp"
#include "media/frame/FrameMetadata.hpp"

namespace sotto::e2ee::signal {
struct DeviceName;
class DeviceStorage;
class DeviceStore;
}  // namespace sotto::e2ee::signal
namespace sotto::client::e2ee {
struct Body;
class DirectoryClient;
struct RotationReport;
}  // namespace sotto::client::e2ee

namespace sotto::client::call {

using control::TrackSource;
using DeviceName = sotto::e2ee::signal::DeviceName;

/// This device's identity and sessions, where they are kept, and the directory that knows the others'. All
/// three outlive the call, and nobody else changes the store meanwhile.
struct CallDevice {
  sotto::e2ee::signal::DeviceStore* store = nullptr;
  sotto::e2ee::signal::DeviceStorage* storage = nullptr;
  e2ee::DirectoryClient* directory = nullptr;
};

/// One simulcast layer of a video track, sent on an RTP stream of its own.
struct VideoLayer {
  std::string rid;  ///< "q", "h", "f", ...: letters and digits
  uint16_t width = 0, height = 0;
};

/// A video track to publish. Layers in any order; more than one makes it simulcast.
struct VideoTrack {
  frame::CodecType codec = frame::CodecType::Vp8;  ///< Vp8 or Vp9
  std::vector<VideoLayer> layers;                  ///< at least one
};

/// Whom to see, how large, and how important it is compared with the others.
struct Want {
  /// A participant's name or id. Empty: the latest speaker (mode `auto`).
  std::string participant;
  TrackSource source = TrackSource::Camera;  ///< Camera or Screen
  uint32_t maxHeight = 0;                    ///< pixels; 0: no bound
  uint32_t priority = 0;                     ///< 0..100
};

struct CallOptions {
  /// Of the server's WebSocket or web page: ws://, wss://, http:// or https://; "/ws" is added when the URL
  /// has no path.
  std::string url;
  std::string token;                        ///< JWT for the room
  std::string clientName = "sotto-client";  ///< the client program, not the person

  /// The room's secret (external keys), already stretched when it began as a passphrase.
  std::vector<uint8_t> roomSecret;
  /// Without a room secret: the device, registered in the directory, that agrees on keys with the others. Its
  /// names are those of the token. Without either frames are neither sealed nor opened, for rooms with
  /// end-to-end encryption off.
  CallDevice device;
  /// What our own frames are sealed with; unset: the first suite of the room's.
  std::optional<frame::Suite> suite;

  bool microphone = false;           ///< publish an Opus track
  std::optional<VideoTrack> camera;  ///< publish a camera
  std::optional<VideoTrack> screen;  ///< publish a screen from the start

  uint32_t audioSlots = 4;  ///< how many speakers can be heard at once
  uint32_t videoSlots = 6;  ///< how many pictures can be seen at once
  std::vector<Want> wants;  ///< each takes one video slot, in this order
  /// Slots left over go to participants who are named in no want, in the order of their joining.
  bool wantEveryone = true;
  uint32_t everyoneHeight = 0;  ///< maxHeight for those; 0: no bound

  bool dataChannels = true;  ///< for messages beside media; without them key messages go by WebSocket

  std::optional<uint64_t> rateCapBitsPerSecond;  ///< asked of the server at the start
  TlsTrust tlsTrust;                             ///< with wss://
  /// How long to go on trying after the server was lost, before the call fails.
  base::TimeDelta giveUpAfter = base::TimeDelta::seconds(30);
};

/// One encoded frame to send, not yet sealed.
struct OutgoingFrame {
  TrackSource source = TrackSource::Camera;
  size_t layer = 0;     ///< index into VideoTrack::layers; 0 for audio
  base::ByteView data;  ///< as the encoder made it
  bool keyFrame = false;
  bool discardable = false;             ///< no later frame needs it
  uint8_t temporalIndex = 0;            ///< 0..7
  bool temporalSwitchingPoint = false;  ///< decoding may go up to this temporal layer from here
  uint16_t width = 0, height = 0;       ///< pixels; required on video key frames
  base::Timestamp captureTime;          ///< on the clock that drives the call; makes the RTP timestamp
  uint8_t audioLevel = 127;             ///< audio: RFC 6464, 0 loudest .. 127 silence
};

/// Why a frame was not sent.
enum class SendResult : uint8_t {
  Sent,
  NotConnected,  ///< no media connection at the moment
  NoTrack,       ///< this source or layer is not published
  Muted,         ///< the track is muted
  NoKey,         ///< it could not be sealed: nothing goes out unsealed
};
const char* toString(SendResult result);

/// One frame from another participant, opened (or as received, in a room without end-to-end encryption).
struct RemoteFrame {
  std::string participant;  ///< id
  std::string name;         ///< as people see it
  TrackSource source = TrackSource::Camera;
  frame::CodecType codec = frame::CodecType::Opus;
  base::ByteView data;            ///< valid during the callback only
  frame::FrameMetadata metadata;  ///< verified when `sealed`
  bool sealed = false;            ///< it came sealed and was opened with the participant's key
  int64_t rtpTimestamp = 0;       ///< unwrapped; at one rate over all layers that play in the slot
  uint32_t clockRate = 0;         ///< 48000 or 90000
  base::Timestamp received;       ///< when it became complete
  std::string slot;               ///< mid of the slot it played in
};

using rtc::DataKind;
using rtc::DataSendResult;
/// In data messages: everyone else in the room.
inline constexpr uint16_t toEveryone = 0;

/// A data message from another participant. Whose it is, only the server says: what the payload holds must
/// prove it.
struct RemoteData {
  std::string participant;  ///< id; empty: not in the roster (any more)
  uint16_t origin = 0;      ///< sender number
  DataKind kind = DataKind::Data;
  bool lossy = false;
  base::ByteView payload;  ///< valid during the callback only
};

/// A data message that was sealed by the participant that it says, and opened.
struct SealedData {
  std::string participant;  ///< id
  std::string name;         ///< as people see it
  bool lossy = false;
  bool toEveryone = true;  ///< else to us alone
  base::ByteView plain;    ///< valid during the callback only
};

/// A member of the room as the server announces it.
struct Participant {
  struct Track {
    TrackSource source = TrackSource::Camera;
    bool muted = false;
    bool operator==(const Track&) const = default;
  };
  std::string id, user, device, name;
  uint16_t sender = 0;
  std::vector<Track> tracks;
  bool publishesKey = false;  ///< has published what its key is derived with
  bool connected = true;      ///< false while its session waits to be resumed
  bool data = false;          ///< can be reached over its data channel
  bool operator==(const Participant&) const = default;
};

enum class CallState : uint8_t {
  Idle,
  Connecting,    ///< opening the WebSocket
  Joining,       ///< waiting for the reply to join
  Negotiating,   ///< offer sent, or ICE and DTLS on their way
  Connected,     ///< media flows
  Reconnecting,  ///< the socket or the media connection was lost; coming back by itself
  Left,          ///< over, as wished
  Failed,        ///< over; the reason says why
};
const char* toString(CallState state);

/// One remote stream: a source of a participant, over all slots and layers it came in.
struct RemoteStreamStatistics {
  std::string participant, name;
  TrackSource source = TrackSource::Camera;
  frame::CodecType codec = frame::CodecType::Opus;
  uint64_t framesReceived = 0;             ///< complete frames from the network
  uint64_t framesOpened = 0;               ///< verified and handed to the application
  uint64_t duplicates = 0;                 ///< dropped quietly
  std::map<std::string, uint64_t> failed;  ///< reason -> frames
  /// Of those that failed, for want of this key (KID); at most `maxUnopenedKeys` entries.
  std::map<uint64_t, uint64_t> unopenedByKey;
  static constexpr size_t maxUnopenedKeys = 1'000;
  uint64_t keyFrames = 0;                 ///< of those opened
  uint64_t bytes = 0;                     ///< of those opened
  base::Timestamp firstFrame, lastFrame;  ///< of those opened; only when framesOpened > 0
  base::TimeDelta longestGap;             ///< between two opened frames while the stream was bound to a slot
  struct Layer {
    base::Timestamp since;
    uint16_t width = 0, height = 0;
  };
  std::vector<Layer> layers;  ///< the layer over time, at most `maxLayerChanges` entries
  static constexpr size_t maxLayerChanges = 1'000;
};

/// One layer that is being sent.
struct LocalLayerStatistics {
  TrackSource source = TrackSource::Camera;
  std::string rid;  ///< empty without simulcast
  uint64_t frames = 0, keyFrames = 0, packets = 0, bytes = 0, retransmitted = 0;
  uint64_t keyFrameRequests = 0;
};

/// Media keys and receipts for them, by the way they took: data channel ("direct") or WebSocket.
struct KeyMessageStatistics {
  uint64_t sentDirect = 0, sentBySocket = 0;
  uint64_t fellBack = 0;          ///< of those sent direct: for want of a receipt sent by WebSocket, too
  uint64_t receiptsRepeated = 0;  ///< by WebSocket, as a key message came a second time
  uint64_t openedDirect = 0, openedBySocket = 0;
  uint64_t repeated = 0;       ///< came once more, by whichever way
  uint64_t refusedDirect = 0;  ///< not in the form of such a message, or of nobody in the roster
};

struct CallStatistics {
  CallState state = CallState::Idle;
  bool sealing = false;               ///< frames are sealed and opened
  std::optional<frame::Suite> suite;  ///< of our own frames; unset before the first join, and without sealing
  std::vector<RemoteStreamStatistics> streams;
  std::vector<LocalLayerStatistics> layers;
  base::TimeDelta roundTrip;  ///< from STUN checks; zero when unknown
  double uplinkLoss = 0;      ///< 0..1, from transport-wide feedback
  uint64_t packetsReceived = 0, packetsLost = 0, nacksSent = 0, keyFramesAsked = 0;
  uint64_t framesUnknownSender = 0;  ///< complete frames of nobody in the roster
  uint32_t mediaConnections = 0;     ///< how many times ICE and DTLS came up
  uint32_t reconnects = 0;           ///< how many times the socket was lost and came back
  KeyMessageStatistics keyMessages;  ///< all zero without automatic keys
};

/// What a call tells the application, in the thread that drives the call and possibly from within the
/// application's own calls into it. The call must not be destroyed from within a callback.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void onState(CallState /*state*/, const std::string& /*reason*/) {}
  virtual void onRemoteFrame(const RemoteFrame& /*frame*/) {}
  /// Somebody needs a key frame of this layer: send one as its next frame.
  virtual void onKeyFrameWanted(TrackSource /*source*/, size_t /*layer*/) {}
  virtual void onRoster(std::span<const Participant> /*everyoneElse*/) {}
  /// Who speaks, loudest first: participant ids.
  virtual void onSpeakers(std::span<const std::string> /*participants*/) {}
  /// A frame of this participant could not be opened, for the first time or for another reason than before.
  virtual void onOpenFailure(const std::string& /*participant*/, const std::string& /*reason*/) {}
  /// Data messages can, or can no longer, be sent and received.
  virtual void onDataChannel(bool /*open*/) {}
  virtual void onDataMessage(const RemoteData& /*message*/) {}
  /// One of sendSealed's that was opened; onDataMessage has told of it before, as it came.
  virtual void onSealedData(const SealedData& /*message*/) {}
  /// Frames of this participant arrive that we have no key for; or (false) they open again.
  virtual void onWaitingForKeys(const std::string& /*participant*/, bool /*waiting*/) {}
  /// Our own key was drawn, or is in use from now on.
  virtual void onRotation(const e2ee::RotationReport& /*report*/) {}
  /// A device's identity key is not the one we know: it gets no keys, and none are taken from it, until
  /// acceptIdentity.
  virtual void onIdentityChanged(const DeviceName& /*device*/) {}
  /// A text, a file or a reaction from a device, sealed between it and us. `body` may be moved from.
  virtual void onDeviceMessage(const DeviceName& /*from*/, const std::array<uint8_t, 16>& /*id*/,
                               e2ee::Body& /*body*/) {}
  /// The server refused something that is not fatal; one sentence.
  virtual void onWarning(const std::string& /*message*/) {}
};

}  // namespace sotto::client::call
