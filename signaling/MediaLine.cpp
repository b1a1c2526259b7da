#include "signaling/MediaLine.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace sotto::signaling {
namespace {

constexpr uint32_t opusClockRate = 48000;
constexpr uint32_t videoClockRate = 90000;
/// RFC 8285 section 4.2: the largest id of the one-byte form, which is what the server writes.
constexpr uint8_t maxOneByteId = 14;
/// RFC 8285 section 4.2: 15 is reserved.
constexpr uint8_t reservedId = 15;
/// More SSRCs than simulcast layers with their RTX are not a browser's.
constexpr size_t maxSsrcPairs = 16;

bool equalsIgnoringCase(std::string_view a, std::string_view b) {
  const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return low(x) == low(y); });
}

/// The name under which the codec is kept; empty when it is not one of ours.
std::string_view codecName(const sdp::PayloadType& type, control::MediaKind kind) {
  if (kind == control::MediaKind::Audio) {
    const bool opus = equalsIgnoringCase(type.encoding, "opus") && type.clockRate == opusClockRate;
    return opus ? "opus" : "";
  }
  if (type.clockRate != videoClockRate) return "";
  if (equalsIgnoringCase(type.encoding, "VP8")) return "VP8";
  if (equalsIgnoringCase(type.encoding, "VP9") && type.parameter("profile-id").value_or("0") == "0")
    return "VP9";
  return "";
}

const sdp::PayloadType* rtxOf(const sdp::MediaDescription& offered, uint8_t payloadType) {
  const std::string wanted = std::to_string(payloadType);
  for (const auto& type : offered.payloadTypes) {
    if (equalsIgnoringCase(type.encoding, "rtx") && type.clockRate == videoClockRate &&
        type.parameter("apt") == wanted) {
      return &type;
    }
  }
  return nullptr;
}

/// Transport-wide feedback is for what comes from the client only.
std::vector<std::string> commonFeedback(const sdp::PayloadType& offered, control::MediaKind kind,
                                        MediaLineUse use) {
  std::vector<std::string> kept;
  for (const auto& feedback : offered.feedback) {
    const bool repair = feedback == "nack" || feedback == "nack pli" || feedback == "ccm fir";
    const bool wanted = (repair && kind == control::MediaKind::Video) ||
                        (feedback == "transport-cc" && use == MediaLineUse::Track);
    if (wanted && std::find(kept.begin(), kept.end(), feedback) == kept.end()) kept.push_back(feedback);
  }
  return kept;
}

struct KnownExtension {
  std::string_view uri;
  uint8_t control::HeaderExtensionIds::*id;
  bool onSlots;
};
constexpr std::array<KnownExtension, 6> knownExtensions{{
    {"urn:ietf:params:rtp-hdrext:sdes:mid", &control::HeaderExtensionIds::mid, true},
    {"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", &control::HeaderExtensionIds::rid, false},
    {"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", &control::HeaderExtensionIds::repairedRid,
     false},
    {"urn:ietf:params:rtp-hdrext:ssrc-audio-level", &control::HeaderExtensionIds::audioLevel, true},
    {"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
     &control::HeaderExtensionIds::transportCc, false},
    {"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", &control::HeaderExtensionIds::absSendTime,
     false},
}};

/// Whether an extension offered for one direction serves the direction that the m-line is used in.
bool fits(sdp::Direction offered, MediaLineUse use) {
  if (use == MediaLineUse::Track) return sdp::sends(offered);
  if (use == MediaLineUse::Slot) return sdp::receives(offered);
  return offered != sdp::Direction::Inactive;
}

}  // namespace

bool isRtpLine(const sdp::MediaDescription& offered) {
  return (offered.kind == "audio" || offered.kind == "video") &&
         (offered.protocol == "UDP/TLS/RTP/SAVPF" || offered.protocol == "UDP/TLS/RTP/SAVP" ||
          offered.protocol == "RTP/SAVPF" || offered.protocol == "TCP/TLS/RTP/SAVPF");
}

bool isDataLine(const sdp::MediaDescription& offered) {
  const bool present = offered.protocol == "UDP/DTLS/SCTP" || offered.protocol == "TCP/DTLS/SCTP";
  const bool named = !offered.formats.empty() && offered.formats.front() == "webrtc-datachannel";
  return offered.kind == "application" && offered.sctpPort &&
         ((present && named) || offered.protocol == "DTLS/SCTP");
}

control::DataTransport dataTransport(const sdp::MediaDescription& offered) {
  // RFC 8841 section 6.1: absent means 64 KiB, 0 means any.
  constexpr uint64_t usual = 65'536;
  constexpr uint64_t any = 0;
  const uint64_t size = offered.maxMessageSize.value_or(usual);
  const uint64_t bounded = size == any ? UINT32_MAX : std::min<uint64_t>(size, UINT32_MAX);
  return {offered.sctpPort.value_or(0), static_cast<uint32_t>(bounded)};
}

control::MediaKind kindOf(const sdp::MediaDescription& offered) {
  return offered.kind == "audio" ? control::MediaKind::Audio : control::MediaKind::Video;
}

MediaLineCodecs commonCodecs(const sdp::MediaDescription& offered, MediaLineUse use) {
  MediaLineCodecs common;
  const control::MediaKind kind = kindOf(offered);
  for (const auto& type : offered.payloadTypes) {
    const std::string_view name = codecName(type, kind);
    const bool known = std::any_of(common.codecs.begin(), common.codecs.end(),
                                   [name](const control::Codec& codec) { return codec.name == name; });
    if (name.empty() || known) continue;
    sdp::PayloadType answered{type.number, type.encoding, type.clockRate, type.channels, {}, {}};
    answered.feedback = commonFeedback(type, kind, use);
    // We decode nothing: what the client should send well (RFC 7587) is all there is to say about Opus.
    if (name == "opus") answered.parameters = "minptime=10;useinbandfec=1";
    if (name == "VP9" && type.parameter("profile-id")) answered.parameters = "profile-id=0";
    common.payloadTypes.push_back(std::move(answered));
    control::Codec codec{std::string(name), type.number, type.clockRate, std::nullopt};
    const sdp::PayloadType* rtx = kind == control::MediaKind::Video ? rtxOf(offered, type.number) : nullptr;
    if (rtx != nullptr) {
      codec.rtxPayloadType = rtx->number;
      common.payloadTypes.push_back(
          {rtx->number, rtx->encoding, rtx->clockRate, 0, "apt=" + std::to_string(type.number), {}});
    }
    common.codecs.push_back(std::move(codec));
  }
  return common;
}

MediaLineExtensions commonExtensions(const sdp::MediaDescription& offered, MediaLineUse use) {
  MediaLineExtensions common;
  for (const auto& [id, direction, uri] : offered.extensions) {
    const auto known = std::find_if(knownExtensions.begin(), knownExtensions.end(),
                                    [&uri = uri](const KnownExtension& k) { return k.uri == uri; });
    if (known == knownExtensions.end() || id == reservedId || !fits(direction, use)) continue;
    if (use == MediaLineUse::Slot && (!known->onSlots || id > maxOneByteId)) continue;
    uint8_t& kept = common.ids.*(known->id);
    const bool idTaken = std::any_of(common.maps.begin(), common.maps.end(),
                                     [id = id](const sdp::ExtensionMap& map) { return map.id == id; });
    if (kept != 0 || idTaken) continue;
    kept = id;
    common.maps.push_back({id, sdp::reversed(direction), uri});
  }
  return common;
}

std::vector<control::Track::SsrcPair> ssrcPairs(const sdp::MediaDescription& offered) {
  std::vector<control::Track::SsrcPair> pairs;
  std::vector<uint32_t> seen;
  const auto isNew = [&seen](uint32_t ssrc) {
    return ssrc != 0 && std::find(seen.begin(), seen.end(), ssrc) == seen.end();
  };
  for (const auto& group : offered.ssrcGroups) {
    if (group.semantics != "FID" || group.ssrcs.size() != 2 || pairs.size() == maxSsrcPairs) continue;
    if (!isNew(group.ssrcs[0]) || !isNew(group.ssrcs[1]) || group.ssrcs[0] == group.ssrcs[1]) continue;
    pairs.push_back({group.ssrcs[0], group.ssrcs[1]});
    seen.insert(seen.end(), group.ssrcs.begin(), group.ssrcs.end());
  }
  for (const auto& attribute : offered.ssrcs) {
    if (!isNew(attribute.ssrc) || pairs.size() == maxSsrcPairs) continue;
    pairs.push_back({attribute.ssrc, 0});
    seen.push_back(attribute.ssrc);
  }
  return pairs;
}

}  // namespace sotto::signaling
