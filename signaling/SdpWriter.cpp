// Writes a SessionDescription as text (RFC 8866), attributes in the order that browsers write them.
#include "signaling/Sdp.hpp"

namespace sotto::signaling::sdp {
namespace {

/// How many streams an a=sctpmap names. INIT says how many there are.
constexpr uint16_t sctpMapStreams = 64;

class Writer {
 public:
  template <typename... Parts>
  void line(const Parts&... parts) {
    (append(parts), ...);
    text_ += "\r\n";
  }
  std::string take() { return std::move(text_); }

 private:
  void append(std::string_view part) { text_ += part; }
  void append(uint64_t number) { text_ += std::to_string(number); }
  std::string text_;
};

std::string_view name(Direction direction) {
  switch (direction) {
    case Direction::SendRecv:
      return "sendrecv";
    case Direction::SendOnly:
      return "sendonly";
    case Direction::RecvOnly:
      return "recvonly";
    case Direction::Inactive:
      break;
  }
  return "inactive";
}

std::string joined(const std::vector<std::string>& parts, char separator) {
  std::string text;
  for (const auto& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

void writeTransport(Writer& out, const MediaDescription& media) {
  if (!media.iceUfrag.empty()) out.line("a=ice-ufrag:", media.iceUfrag);
  if (!media.icePassword.empty()) out.line("a=ice-pwd:", media.icePassword);
  for (const auto& fingerprint : media.fingerprints) {
    out.line("a=fingerprint:", fingerprint.algorithm, " ", fingerprint.value);
  }
  if (!media.setup.empty()) out.line("a=setup:", media.setup);
}

void writePayloadTypes(Writer& out, const MediaDescription& media) {
  for (const auto& type : media.payloadTypes) {
    const uint64_t number = type.number;
    const std::string channels = type.channels > 0 ? "/" + std::to_string(type.channels) : "";
    out.line("a=rtpmap:", number, " ", type.encoding, "/", uint64_t{type.clockRate}, channels);
    for (const auto& feedback : type.feedback) out.line("a=rtcp-fb:", number, " ", feedback);
    if (!type.parameters.empty()) out.line("a=fmtp:", number, " ", type.parameters);
  }
}

void writeStreams(Writer& out, const MediaDescription& media) {
  for (const auto& rid : media.rids) out.line("a=rid:", rid.id, rid.sends ? " send" : " recv");
  std::string simulcast;
  if (!media.simulcastSend.empty()) simulcast += "send " + joined(media.simulcastSend, ';');
  if (!media.simulcastReceive.empty()) {
    simulcast += (simulcast.empty() ? "recv " : " recv ") + joined(media.simulcastReceive, ';');
  }
  if (!simulcast.empty()) out.line("a=simulcast:", simulcast);
  for (const auto& group : media.ssrcGroups) {
    std::string ssrcs;
    for (const uint32_t ssrc : group.ssrcs) ssrcs += " " + std::to_string(ssrc);
    out.line("a=ssrc-group:", group.semantics, ssrcs);
  }
  for (const auto& [ssrc, attribute] : media.ssrcs) out.line("a=ssrc:", uint64_t{ssrc}, " ", attribute);
}

/// In the form that goes with the protocol in the m-line.
void writeSctpPort(Writer& out, const MediaDescription& media) {
  if (media.protocol == "DTLS/SCTP") {
    out.line("a=sctpmap:", uint64_t{*media.sctpPort}, " webrtc-datachannel ", uint64_t{sctpMapStreams});
  } else {
    out.line("a=sctp-port:", uint64_t{*media.sctpPort});
  }
}

void writeMedia(Writer& out, const MediaDescription& media) {
  out.line("m=", media.kind, " ", uint64_t{media.port}, " ", media.protocol, " ", joined(media.formats, ' '));
  out.line("c=IN IP4 0.0.0.0");
  if (!media.mid.empty()) out.line("a=mid:", media.mid);
  out.line("a=", name(media.direction));
  if (media.bundleOnly) out.line("a=bundle-only");
  writeTransport(out, media);
  for (const auto& candidate : media.candidates) out.line("a=candidate:", candidate);
  if (media.endOfCandidates) out.line("a=end-of-candidates");
  for (const auto& [id, direction, uri] : media.extensions) {
    const std::string restricted = direction == Direction::SendRecv ? "" : "/" + std::string(name(direction));
    out.line("a=extmap:", uint64_t{id}, restricted, " ", uri);
  }
  if (!media.msid.empty()) out.line("a=msid:", media.msid);
  if (media.rtcpMux) out.line("a=rtcp-mux");
  if (media.rtcpReducedSize) out.line("a=rtcp-rsize");
  if (media.sctpPort) writeSctpPort(out, media);
  if (media.maxMessageSize) out.line("a=max-message-size:", *media.maxMessageSize);
  writePayloadTypes(out, media);
  writeStreams(out, media);
}

}  // namespace

std::string write(const SessionDescription& description) {
  Writer out;
  out.line("v=0");
  out.line("o=- ", description.sessionId, " ", description.sessionVersion, " IN IP4 127.0.0.1");
  out.line("s=-");
  out.line("t=0 0");
  if (description.iceLite) out.line("a=ice-lite");
  if (!description.bundle.empty()) out.line("a=group:BUNDLE ", joined(description.bundle, ' '));
  for (const auto& media : description.media) writeMedia(out, media);
  return out.take();
}

}  // namespace sotto::signaling::sdp
