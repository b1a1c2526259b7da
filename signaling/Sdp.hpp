// Session descriptions (RFC 8866) as far as WebRTC uses them (RFC 8829): parsed from text into a structure,
// and written from it. Attributes that are not named here are skipped. What holds for the whole session
// (fingerprint, ICE credentials, setup, direction, extmap) is copied into every media description that has
// none of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "media/control/Messages.hpp"

namespace sotto::signaling::sdp {

/// Seen from whoever wrote the description (RFC 8866 section 6.7).
enum class Direction { SendRecv, SendOnly, RecvOnly, Inactive };
Direction reversed(Direction direction);
bool sends(Direction direction);
bool receives(Direction direction);

/// One payload type: a=rtpmap, a=fmtp and a=rtcp-fb put together.
struct PayloadType {
  uint8_t number = 0;  ///< 0..127
  std::string encoding;
  uint32_t clockRate = 0;
  uint32_t channels = 0;              ///< 0: not given
  std::string parameters;             ///< a=fmtp after the number; empty: none
  std::vector<std::string> feedback;  ///< a=rtcp-fb after the number: "nack pli"; those of "*" included
  bool operator==(const PayloadType&) const = default;
  /// The value of `name=value;…` in parameters, names matched case-insensitively.
  std::optional<std::string> parameter(std::string_view name) const;
};

/// a=extmap (RFC 8285 section 8)
struct ExtensionMap {
  uint8_t id = 0;  ///< 1..255
  Direction direction = Direction::SendRecv;
  std::string uri;
  bool operator==(const ExtensionMap&) const = default;
};

/// a=rid (RFC 8851); restrictions are skipped
struct Rid {
  std::string id;
  bool sends = true;
  bool operator==(const Rid&) const = default;
};

/// a=ssrc:… name:value (RFC 5576)
struct SsrcAttribute {
  uint32_t ssrc = 0;
  std::string attribute;  ///< "cname:abc"
  bool operator==(const SsrcAttribute&) const = default;
};

/// a=ssrc-group (RFC 5576)
struct SsrcGroup {
  std::string semantics;
  std::vector<uint32_t> ssrcs;
  bool operator==(const SsrcGroup&) const = default;
};

/// One m-line and what follows it.
struct MediaDescription {
  std::string kind;  ///< "audio", "video", "application", …
  uint16_t port = 0;
  std::string protocol;
  std::vector<std::string> formats;
  std::string mid;
  Direction direction = Direction::SendRecv;
  bool bundleOnly = false;
  bool rtcpMux = false;
  bool rtcpReducedSize = false;
  std::string iceUfrag, icePassword;
  std::vector<control::Fingerprint> fingerprints;
  std::string setup;  ///< "actpass", "active", "passive", "holdconn"
  std::string msid;
  std::vector<PayloadType> payloadTypes;  ///< in the order of formats; those without a=rtpmap are left out
  std::vector<ExtensionMap> extensions;
  std::vector<Rid> rids;
  /// a=simulcast (RFC 8853): rids in order; of alternatives the first, the mark of a paused one dropped.
  std::vector<std::string> simulcastSend, simulcastReceive;
  std::vector<SsrcAttribute> ssrcs;
  std::vector<SsrcGroup> ssrcGroups;
  std::vector<std::string> candidates;  ///< after "a=candidate:"
  bool endOfCandidates = false;
  /// a=sctp-port (RFC 8841), or the port of an older a=sctpmap for webrtc-datachannel.
  std::optional<uint16_t> sctpPort;
  std::optional<uint64_t> maxMessageSize;  ///< a=max-message-size, bytes; 0: any
  uint32_t line = 0;                       ///< where the m-line stood, from 1
  bool operator==(const MediaDescription&) const = default;

  const PayloadType* payloadType(uint8_t number) const;
};

struct SessionDescription {
  std::string sessionId;  ///< o=, second field: stays the same for one PeerConnection
  uint64_t sessionVersion = 0;
  bool iceLite = false;
  std::vector<std::string> bundle;  ///< mids of the (first) a=group:BUNDLE
  std::vector<MediaDescription> media;
  bool operator==(const SessionDescription&) const = default;
};

struct ParseLimits {
  size_t bytes = size_t{256} * 1024;
  size_t mediaLines = 128;
};

/// What could not be read, and where.
struct ParseError {
  uint32_t line = 0;  ///< from 1; 0: the text as a whole
  std::string text;   ///< of that line, cut to 120 bytes
  std::string message;
};

/// Takes CR LF or LF line ends. Bounded by `limits`; never throws on bad input.
tl::expected<SessionDescription, ParseError> parse(std::string_view text, ParseLimits limits = {});

/// CR LF line ends. Parsing the result gives the same description again (line numbers apart), except that
/// text with no a=mid or no BUNDLE stays without.
std::string write(const SessionDescription& description);

}  // namespace sotto::signaling::sdp
