#include "client/native/rtc/Negotiation.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "signaling/Sdp.hpp"

namespace sotto::client::rtc {

namespace sdp = signaling::sdp;

namespace {

constexpr std::array<CodecNumbers, 3> codecTable{{
    {frame::CodecType::Opus, 111, 0, 48'000},
    {frame::CodecType::Vp8, 96, 97, 90'000},
    {frame::CodecType::Vp9, 98, 99, 90'000},
}};

/// Header extensions by their id in our offers; see control::HeaderExtensionIds.
struct Extension {
  uint8_t id;
  const char* uri;
  uint8_t control::HeaderExtensionIds::*field;
  bool audio, video, simulcast;  ///< where it is offered
};
constexpr std::array<Extension, 5> extensionTable{{
    {1, "urn:ietf:params:rtp-hdrext:sdes:mid", &control::HeaderExtensionIds::mid, true, true, false},
    {2, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", &control::HeaderExtensionIds::rid, false, true,
     true},
    {3, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", &control::HeaderExtensionIds::repairedRid,
     false, true, true},
    {4, "urn:ietf:params:rtp-hdrext:ssrc-audio-level", &control::HeaderExtensionIds::audioLevel, true, false,
     false},
    {5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
     &control::HeaderExtensionIds::transportCc, true, true, false},
}};

const char* encodingName(frame::CodecType codec) {
  switch (codec) {
    case frame::CodecType::Opus:
      return "opus";
    case frame::CodecType::Vp8:
      return "VP8";
    case frame::CodecType::Vp9:
      return "VP9";
  }
  return "";
}

bool equalsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

void addCodec(sdp::MediaDescription& media, frame::CodecType codec) {
  const CodecNumbers& numbers = numbersOf(codec);
  sdp::PayloadType type;
  type.number = numbers.payloadType;
  type.encoding = encodingName(codec);
  type.clockRate = numbers.clockRate;
  if (codec == frame::CodecType::Opus) {
    type.channels = 2;
    type.parameters = "minptime=10;useinbandfec=1";
    type.feedback = {"transport-cc"};
  } else {
    type.feedback = {"transport-cc", "ccm fir", "nack", "nack pli"};
    if (codec == frame::CodecType::Vp9) type.parameters = "profile-id=0";
  }
  media.payloadTypes.push_back(type);
  media.formats.push_back(std::to_string(type.number));
  if (numbers.rtxPayloadType == 0) return;
  sdp::PayloadType rtx;
  rtx.number = numbers.rtxPayloadType;
  rtx.encoding = "rtx";
  rtx.clockRate = numbers.clockRate;
  rtx.parameters = "apt=" + std::to_string(numbers.payloadType);
  media.formats.push_back(std::to_string(rtx.number));
  media.payloadTypes.push_back(std::move(rtx));
}

void addSources(sdp::MediaDescription& media, const MediaLine& line) {
  media.msid = "sotto track" + line.mid;
  if (line.rids.size() > 1) {
    for (const std::string& rid : line.rids) media.rids.push_back({rid, /*sends=*/true});
    media.simulcastSend = line.rids;
    return;
  }
  media.ssrcs.push_back({line.ssrc, "cname:sotto"});
  if (line.rtxSsrc == 0) return;
  media.ssrcs.push_back({line.rtxSsrc, "cname:sotto"});
  media.ssrcGroups.push_back({"FID", {line.ssrc, line.rtxSsrc}});
}

/// RFC 8840 section 4.1.1: no candidate of ours is named, the server learns it from checks.
constexpr uint16_t anyPort = 9;
/// The usual one (RFC 8841 section 5). It is a number inside of DTLS.
constexpr uint16_t sctpPort = 5000;

void addTransport(sdp::MediaDescription& media, const OfferSettings& settings, const MediaLine& line) {
  media.port = anyPort;
  media.mid = line.mid;
  media.iceUfrag = settings.iceUfrag;
  media.icePassword = settings.icePassword;
  media.fingerprints.push_back({"sha-256", settings.fingerprint});
  media.setup = "actpass";
}

sdp::MediaDescription describeData(const OfferSettings& settings, const MediaLine& line) {
  sdp::MediaDescription media;
  addTransport(media, settings, line);
  media.kind = "application";
  media.protocol = "UDP/DTLS/SCTP";
  media.formats = {"webrtc-datachannel"};
  media.sctpPort = sctpPort;
  media.maxMessageSize = control::maxDataMessage;
  return media;
}

sdp::MediaDescription describe(const OfferSettings& settings, const MediaLine& line) {
  if (line.role == MediaLine::Role::Data) return describeData(settings, line);
  const bool video = line.kind == control::MediaKind::Video;
  const bool track = line.role == MediaLine::Role::Track;
  sdp::MediaDescription media;
  addTransport(media, settings, line);
  media.kind = video ? "video" : "audio";
  media.protocol = "UDP/TLS/RTP/SAVPF";
  media.direction = track                                   ? sdp::Direction::SendOnly
                    : line.role == MediaLine::Role::Stopped ? sdp::Direction::Inactive
                                                            : sdp::Direction::RecvOnly;
  media.rtcpMux = true;
  media.rtcpReducedSize = true;
  if (!video) {
    addCodec(media, frame::CodecType::Opus);
  } else if (track) {
    addCodec(media, line.codec);
  } else {
    addCodec(media, frame::CodecType::Vp8);
    addCodec(media, frame::CodecType::Vp9);
  }
  const bool simulcast = track && line.rids.size() > 1;
  for (const Extension& extension : extensionTable) {
    if (!(video ? extension.video : extension.audio) || (extension.simulcast && !simulcast)) continue;
    media.extensions.push_back({extension.id, sdp::Direction::SendRecv, extension.uri});
  }
  if (track) addSources(media, line);
  return media;
}

/// "1 1 udp 2130706431 127.0.0.1 40000 typ host" (RFC 8839 section 5.1); nullopt for TCP and for names.
std::optional<base::SocketAddress> parseCandidate(std::string_view text) {
  std::array<std::string_view, 6> fields;
  for (std::string_view& field : fields) {
    const size_t end = text.find(' ');
    field = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  uint16_t port = 0;
  const auto [rest, error] = std::from_chars(fields[5].data(), fields[5].data() + fields[5].size(), port);
  if (error != std::errc() || port == 0 || !equalsIgnoringCase(fields[2], "udp")) return std::nullopt;
  return base::SocketAddress::parse(fields[4], port);
}

void readCodecs(const sdp::MediaDescription& media, AnsweredLine& answered) {
  for (const CodecNumbers& numbers : codecTable) {
    const sdp::PayloadType* type = media.payloadType(numbers.payloadType);
    if (type != nullptr && equalsIgnoringCase(type->encoding, encodingName(numbers.codec))) {
      answered.codecs.push_back(numbers.codec);
    }
  }
}

void readSources(const sdp::MediaDescription& media, AnsweredLine& answered) {
  for (const sdp::SsrcGroup& group : media.ssrcGroups) {
    if (group.semantics != "FID" || group.ssrcs.size() != 2) continue;
    answered.ssrc = group.ssrcs[0];
    answered.rtxSsrc = group.ssrcs[1];
    return;
  }
  if (!media.ssrcs.empty()) answered.ssrc = media.ssrcs.front().ssrc;
}

base::Expected<AnsweredLine> readLine(const sdp::MediaDescription& media, const MediaLine& offered) {
  if (media.mid != offered.mid) {
    return base::fail("the answer has mid '" + media.mid + "' where '" + offered.mid + "' was offered");
  }
  AnsweredLine answered;
  answered.mid = media.mid;
  answered.accepted = media.port != 0 && media.direction != sdp::Direction::Inactive;
  if (!answered.accepted) return answered;
  if (media.setup != "passive") {
    return base::fail("the answer has a=setup:" + media.setup + " where passive was expected");
  }
  if (offered.role == MediaLine::Role::Data) {
    if (!media.sctpPort) return base::fail("the answer takes data channels but names no a=sctp-port");
    const uint64_t size = media.maxMessageSize.value_or(control::maxDataMessage);
    answered.data = {*media.sctpPort, static_cast<uint32_t>(std::min<uint64_t>(size, UINT32_MAX))};
    return answered;
  }
  readCodecs(media, answered);
  for (const sdp::ExtensionMap& map : media.extensions) {
    for (const Extension& extension : extensionTable) {
      if (extension.id == map.id && extension.uri == map.uri) answered.extensions.*extension.field = map.id;
    }
  }
  if (offered.role == MediaLine::Role::Slot) {
    readSources(media, answered);
    if (answered.ssrc == 0) return base::fail("the answer names no SSRC for slot '" + media.mid + "'");
  }
  return answered;
}

}  // namespace

const CodecNumbers& numbersOf(frame::CodecType codec) {
  return codecTable[static_cast<size_t>(codec)];
}

std::string writeOffer(const OfferSettings& settings, std::span<const MediaLine> lines) {
  sdp::SessionDescription description;
  description.sessionId = settings.sessionId;
  description.sessionVersion = settings.version;
  for (const MediaLine& line : lines) {
    description.bundle.push_back(line.mid);
    description.media.push_back(describe(settings, line));
  }
  return sdp::write(description);
}

base::Expected<Answer> readAnswer(std::string_view text, std::span<const MediaLine> lines) {
  const auto description = sdp::parse(text);
  if (!description) {
    return base::fail("the answer is no SDP: line " + std::to_string(description.error().line) + ": " +
                      description.error().message);
  }
  if (description->media.size() != lines.size()) {
    return base::fail("the answer has " + std::to_string(description->media.size()) + " m-lines where " +
                      std::to_string(lines.size()) + " were offered");
  }
  Answer answer;
  for (size_t i = 0; i < lines.size(); ++i) {
    const sdp::MediaDescription& media = description->media[i];
    auto line = readLine(media, lines[i]);
    if (!line) return tl::make_unexpected(line.error());
    answer.lines.push_back(std::move(*line));
    if (!answer.lines.back().accepted || !answer.iceUfrag.empty()) continue;
    // BUNDLE: the first line that is accepted speaks for the transport of all.
    answer.iceUfrag = media.iceUfrag;
    answer.icePassword = media.icePassword;
    if (!media.fingerprints.empty()) answer.fingerprint = media.fingerprints.front();
    for (const std::string& candidate : media.candidates) {
      if (const auto address = parseCandidate(candidate)) answer.candidates.push_back(*address);
    }
  }
  if (answer.iceUfrag.empty() || answer.icePassword.empty() || answer.fingerprint.value.empty()) {
    return base::fail("the answer accepts no m-line with ICE credentials and a fingerprint");
  }
  if (answer.candidates.empty()) return base::fail("the answer has no UDP candidate");
  return answer;
}

}  // namespace sotto::client::rtc
