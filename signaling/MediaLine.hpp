// What is kept of one audio or video m-line of an offer: codecs, feedback and header extensions.
#pragma once

#include <optional>

#include "media/control/Messages.hpp"
#include "signaling/RequestError.hpp"
#include "signaling/Sdp.hpp"

namespace sotto::signaling {

/// Whether media flows from the client (Track) or to it (Slot); None for an inactive m-line.
enum class MediaLineUse { None, Track, Slot };

struct MediaLineCodecs {
  std::vector<control::Codec> codecs;          ///< in the offer's order
  std::vector<sdp::PayloadType> payloadTypes;  ///< the same for the answer, RTX included
};

/// Audio or video over DTLS-SRTP.
bool isRtpLine(const sdp::MediaDescription& offered);
/// Data channels over DTLS (RFC 8841), in the present form or with an a=sctpmap. What is neither this nor RTP
/// is answered with port 0.
bool isDataLine(const sdp::MediaDescription& offered);
/// The client's end of its association.
control::DataTransport dataTransport(const sdp::MediaDescription& offered);
control::MediaKind kindOf(const sdp::MediaDescription& offered);

/// Opus; VP8 and VP9 profile 0, each with its RTX. Empty when nothing fits.
MediaLineCodecs commonCodecs(const sdp::MediaDescription& offered, MediaLineUse use);

struct MediaLineExtensions {
  control::HeaderExtensionIds ids;
  std::vector<sdp::ExtensionMap> maps;  ///< for the answer, with the offer's ids
};
MediaLineExtensions commonExtensions(const sdp::MediaDescription& offered, MediaLineUse use);

/// a=ssrc and a=ssrc-group:FID of a track.
std::vector<control::Track::SsrcPair> ssrcPairs(const sdp::MediaDescription& offered);

}  // namespace sotto::signaling
