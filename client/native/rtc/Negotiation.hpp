// The client's offer and the server's answer (RFC 8829): m-lines to SDP text, and text to what came of each
// m-line. One BUNDLE, rtcp-mux, the same payload types and extension ids on every line.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/base/Expected.hpp"
#include "media/base/SocketAddress.hpp"
#include "media/control/Messages.hpp"
#include "media/frame/Frame.hpp"

namespace sotto::client::rtc {

/// What we offer for a codec, everywhere.
struct CodecNumbers {
  frame::CodecType codec = frame::CodecType::Opus;
  uint8_t payloadType = 0;
  uint8_t rtxPayloadType = 0;  ///< 0: no RTX (audio)
  uint32_t clockRate = 0;
};
const CodecNumbers& numbersOf(frame::CodecType codec);

/// One m-line of ours.
struct MediaLine {
  enum class Role : uint8_t { Track, Slot, Data, Stopped };
  std::string mid;
  control::MediaKind kind = control::MediaKind::Audio;  ///< of all but Data
  Role role = Role::Slot;
  frame::CodecType codec = frame::CodecType::Opus;  ///< of a track; slots take every codec of their kind
  std::vector<std::string> rids;                    ///< of a simulcast track
  uint32_t ssrc = 0, rtxSsrc = 0;                   ///< of a track without simulcast
};

struct OfferSettings {
  std::string sessionId;  ///< decimal digits
  uint64_t version = 1;   ///< counts the offers
  std::string iceUfrag, icePassword;
  std::string fingerprint;  ///< SHA-256
};
std::string writeOffer(const OfferSettings& settings, std::span<const MediaLine> lines);

/// What the server made of one m-line.
struct AnsweredLine {
  std::string mid;
  bool accepted = false;
  std::vector<frame::CodecType> codecs;
  control::HeaderExtensionIds extensions;
  uint32_t ssrc = 0, rtxSsrc = 0;              ///< of a slot
  std::optional<control::DataTransport> data;  ///< the server's end of the SCTP association
};

struct Answer {
  std::string iceUfrag, icePassword;
  control::Fingerprint fingerprint;
  std::vector<base::SocketAddress> candidates;  ///< UDP, best first
  std::vector<AnsweredLine> lines;              ///< as many as were offered, in their order
};
/// Refuses an answer that is no SDP, that does not answer each of `lines`, that leaves BUNDLE or takes the
/// DTLS role that is ours, and one without candidates.
base::Expected<Answer> readAnswer(std::string_view text, std::span<const MediaLine> lines);

}  // namespace sotto::client::rtc
