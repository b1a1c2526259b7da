// From a client's offer to the server's answer (RFC 8829, RFC 8843), and to what the worker must know. A pure
// function: what has been agreed before comes in, what is agreed now goes out. Rules: docs/signaling.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/base/Random.hpp"
#include "signaling/MediaPlane.hpp"
#include "signaling/RequestError.hpp"
#include "signaling/Sdp.hpp"
#include "signaling/Settings.hpp"

namespace sotto::signaling {

/// As in messages: "microphone", "camera", "screen".
std::string_view sourceName(control::TrackSource source);

/// What the client calls one of its sending m-lines.
struct NamedTrack {
  std::string mid;
  control::TrackSource source = control::TrackSource::Microphone;
  std::optional<bool> muted;  ///< none: as it was
};

/// What stands between this client and its worker, kept from one offer to the next.
struct Agreement {
  std::string remoteSessionId;  ///< o= of the offer: another one means another PeerConnection
  control::IceParameters ice;
  control::Fingerprint fingerprint;  ///< the client's
  uint64_t answerSessionId = 0, answerVersion = 0;
  struct SlotSsrcs {
    uint32_t media = 0;
    uint32_t rtx = 0;
  };
  /// By mid, those of m-lines that went away included: an m-line that comes back keeps its SSRCs.
  std::map<std::string, SlotSsrcs> slotSsrcs;
  std::vector<control::Track> tracks;
  std::vector<control::Slot> slots;  ///< in the order of their m-lines
  std::optional<control::DataTransport> data;
};

struct NegotiationInput {
  const sdp::SessionDescription& offer;
  /// None: sources by kind: first audio microphone, first video camera, second video screen.
  const std::optional<std::vector<NamedTrack>>& tracks;
  const MediaAddress& address;
  const Limits& limits;
  bool mayPublish = true, maySubscribe = true;
  /// What is muted stays so when the client does not say otherwise.
  std::vector<control::TrackSource> muted;
  /// Of the same client on the same worker; null when there is none.
  const Agreement* previous = nullptr;
};

struct Negotiated {
  std::string answer;
  Agreement agreement;
  /// The offer belongs to another PeerConnection than `previous`: its endpoint must be set up anew.
  bool replaces = false;
  bool iceRestarted = false;
};

/// Errors: BadSdp (with line), NoCommonCodec, TooManySlots, TooManyTracks, Forbidden, BadMessage (names that
/// do not fit the offer).
Result<Negotiated> negotiate(const NegotiationInput& input, base::Random& random);

}  // namespace sotto::signaling
