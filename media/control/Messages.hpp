// What server and worker say to each other: requests (server to worker), replies, and events (worker to
// server). Plain structs; their JSON form is in Codec.hpp, and travels as one message for each datagram of
// a Unix SOCK_SEQPACKET socketpair. This is the only header of media/ that signaling/ and server/ include.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sotto::control {

enum class MediaKind { Audio, Video };
/// What a track shows. One participant publishes at most one track of each source.
enum class TrackSource { Microphone, Camera, Screen };
/// Required: a frame without a valid trailer is dropped and counted. Off: frames carry no trailer.
/// Optional: both are forwarded; a frame is taken as sealed when its trailer parses.
enum class E2eePolicy { Required, Optional, Off };

/// One negotiated codec of an m-line, with the payload types of that m-line.
struct Codec {
  std::string name;  ///< "opus", "VP8", "VP9": as in a=rtpmap, matched case-insensitively
  uint8_t payloadType = 0;
  uint32_t clockRate = 0;
  std::optional<uint8_t> rtxPayloadType;
  bool operator==(const Codec&) const = default;
};

/// Negotiated header extension ids of an m-line (RFC 8285); 0 is "not negotiated".
struct HeaderExtensionIds {
  uint8_t mid = 0;          ///< urn:ietf:params:rtp-hdrext:sdes:mid
  uint8_t rid = 0;          ///< urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
  uint8_t repairedRid = 0;  ///< urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
  uint8_t audioLevel = 0;   ///< urn:ietf:params:rtp-hdrext:ssrc-audio-level (RFC 6464)
  uint8_t transportCc = 0;  ///< draft-holmer-rmcat-transport-wide-cc-extensions-01
  uint8_t absSendTime = 0;  ///< http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
  bool operator==(const HeaderExtensionIds&) const = default;
};

/// A sendonly m-line of the client: something it publishes.
struct Track {
  std::string mid;
  MediaKind kind = MediaKind::Audio;
  TrackSource source = TrackSource::Microphone;
  bool muted = false;
  std::vector<Codec> codecs;  ///< in order of preference; only what both sides take
  HeaderExtensionIds extensions;
  std::vector<std::string> rids;  ///< simulcast, as offered; empty: one stream
  /// a=ssrc and a=ssrc-group:FID of the offer, where given: (media SSRC, its RTX SSRC or 0).
  struct SsrcPair {
    uint32_t media = 0;
    uint32_t rtx = 0;
    bool operator==(const SsrcPair&) const = default;
  };
  std::vector<SsrcPair> ssrcs;
  bool operator==(const Track&) const = default;
};

/// A recvonly m-line of the client: a place where some source plays. Its SSRCs never change.
struct Slot {
  std::string mid;
  MediaKind kind = MediaKind::Audio;
  uint32_t ssrc = 0;
  uint32_t rtxSsrc = 0;  ///< 0 for audio
  std::vector<Codec> codecs;
  HeaderExtensionIds extensions;
  bool operator==(const Slot&) const = default;
};

struct IceParameters {
  std::string localUfrag, localPassword;    ///< ours, as in the answer
  std::string remoteUfrag, remotePassword;  ///< the client's, as in its offer
  bool operator==(const IceParameters&) const = default;
};

/// RFC 8122: hash function name in lower case ("sha-256") and upper-case hex with colons.
struct Fingerprint {
  std::string algorithm, value;
  bool operator==(const Fingerprint&) const = default;
};

/// Bytes of the longest data message that a worker takes: our a=max-message-size (docs/data-channel.md).
inline constexpr uint32_t maxDataMessage = 65'536;

/// The client's end of an SCTP association over DTLS (RFC 8841).
struct DataTransport {
  uint16_t sctpPort = 5000;
  uint32_t maxMessageSize = 65'536;  ///< bytes that the client takes in one message
  bool operator==(const DataTransport&) const = default;
};

/// Everything a worker needs to know of one participant's connection.
struct EndpointParameters {
  std::string room;
  std::string endpoint;  ///< the participant's id: unique in the room, opaque to the worker
  uint16_t sender = 0;   ///< 1..65535: the sender number that its key ids must carry
  IceParameters ice;
  Fingerprint fingerprint;
  std::vector<Track> tracks;
  std::vector<Slot> slots;
  std::optional<DataTransport> data{};  ///< none: no data channels
  bool operator==(const EndpointParameters&) const = default;
};

/// What a client wants to see in a video slot. Audio slots are filled by the worker (loudest speakers).
struct SlotWish {
  enum class Mode { None, Auto, Participant };
  std::string mid;
  Mode mode = Mode::None;
  std::string participant;                   ///< with Mode::Participant
  TrackSource source = TrackSource::Camera;  ///< Camera or Screen
  uint32_t maxHeight = 0;                    ///< pixels; 0: no bound
  uint32_t priority = 0;                     ///< 0..100, higher first when the rate does not do for all
  bool operator==(const SlotWish&) const = default;
};

// ---- requests: server to worker --------------------------------------------------------------------

struct CreateRoom {
  std::string room;
  E2eePolicy e2ee = E2eePolicy::Required;
  uint32_t audioSpeakers = 5;  ///< how many loudest speakers are forwarded to each (bounded by audio slots)
};
struct CloseRoom {
  std::string room;
};
struct CreateEndpoint {
  EndpointParameters parameters;
};
/// A new offer of the same client: tracks or slots added or removed (matched by mid), or ICE restarted.
/// A slot or track of a mid that stays keeps its SSRCs and its state; DTLS goes on.
struct UpdateEndpoint {
  EndpointParameters parameters;
};
struct RemoveEndpoint {
  std::string room, endpoint;
};
/// Replaces all wishes of the endpoint; video slots not named get Mode::None.
struct SetSlotWishes {
  std::string room, endpoint;
  std::vector<SlotWish> wishes;
};
/// Bound on the media rate towards one endpoint, in bits per second; nullopt lifts it.
struct SetRateCap {
  std::string room, endpoint;
  std::optional<uint64_t> bitsPerSecond;
};
struct SetTrackMuted {
  std::string room, endpoint, mid;
  bool muted = false;
};
struct GetStatistics {};

using RequestBody = std::variant<CreateRoom, CloseRoom, CreateEndpoint, UpdateEndpoint, RemoveEndpoint,
                                 SetSlotWishes, SetRateCap, SetTrackMuted, GetStatistics>;
struct Request {
  uint64_t id = 0;  ///< chosen by the server, echoed in the reply
  RequestBody body;
};

// ---- replies: worker to server ----------------------------------------------------------------------

/// Counters since the worker began; names are the metric names without the `sotto_` prefix, for example
/// "packets_received_total", "frames_dropped_total{reason=\"no_trailer\"}".
struct Counter {
  std::string name;
  uint64_t value = 0;
  bool operator==(const Counter&) const = default;
};
struct Statistics {
  std::vector<Counter> counters;
};
struct Reply {
  uint64_t id = 0;
  /// Empty when the request was carried out; else one sentence that says what was wrong.
  std::string error;
  std::optional<Statistics> statistics;  ///< on GetStatistics
};

// ---- events: worker to server -----------------------------------------------------------------------

/// First message of a worker: where it listens and the certificate that clients will see.
struct WorkerReady {
  uint16_t udpPort = 0;
  Fingerprint fingerprint;
  /// What a probe found at start: UDP_SEGMENT (GSO) when sending, UDP_GRO when receiving.
  bool segmentation = false, coalescing = false;
};
enum class EndpointState { Connecting, Connected, Failed, Closed };
/// ICE and DTLS are up (Connected), consent or the handshake was lost (Failed), or the peer sent
/// close_notify (Closed). `reason` is for a person; empty with Connected.
struct EndpointStateChanged {
  std::string room, endpoint;
  EndpointState state = EndpointState::Connecting;
  std::string reason;
};
/// What plays in each slot of an endpoint whose binding changed. `participant` empty: nothing.
struct SlotBinding {
  std::string mid;
  std::string participant;
  TrackSource source = TrackSource::Microphone;
  bool operator==(const SlotBinding&) const = default;
};
struct SlotsBound {
  std::string room, endpoint;
  std::vector<SlotBinding> bindings;  ///< only those that changed
};
/// Who speaks, loudest first. Sent on change, at most every 200 ms.
struct SpeakersChanged {
  std::string room;
  struct Speaker {
    std::string endpoint;
    uint8_t level = 127;  ///< RFC 6464: 0 loudest .. 127 silent, -dBov
    bool operator==(const Speaker&) const = default;
  };
  std::vector<Speaker> speakers;
};
/// Which layer is being sent in each video slot of one endpoint, and why not a better one. Sent on change.
struct LayersChanged {
  std::string room, endpoint;
  struct Layer {
    std::string mid;
    uint16_t width = 0, height = 0;  ///< of the layer being sent; 0 when nothing is
    uint32_t bitsPerSecond = 0;      ///< measured rate of that layer
    /// "" (what was wanted is sent), "rate-cap", "publisher" (no such layer arrives), "key-frame" (a switch
    /// waits).
    std::string reason;
    bool operator==(const Layer&) const = default;
  };
  std::vector<Layer> layers;
};

/// Whether an endpoint can be reached over its reliable data channel. When not any longer, `reason` is for a
/// person; what had not been delivered by then is lost.
struct DataChannelChanged {
  std::string room, endpoint;
  bool open = false;
  std::string reason;
};

using Event = std::variant<WorkerReady, EndpointStateChanged, SlotsBound, SpeakersChanged, LayersChanged,
                           DataChannelChanged>;

}  // namespace sotto::control
