// Reads a session description line by line (RFC 8866). Tolerant of what browsers are known to write: feedback
// lines for payload types that are gone, port 0 with a=bundle-only, extmap ids that differ between m-lines.
#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "signaling/Sdp.hpp"

namespace sotto::signaling::sdp {
namespace {

using Fields = std::vector<std::string_view>;

/// RTP has 128 payload types; no m-line has more formats than that.
constexpr size_t maxFormats = 128;
/// The MID and RID header extensions carry at most 16 bytes in their one-byte form (RFC 8285 section 4.2).
constexpr size_t maxIdentifierBytes = 16;
/// RFC 8839 section 5.4: ice-ufrag and ice-pwd are at most 256 characters.
constexpr size_t maxIceBytes = 256;
constexpr size_t maxErrorText = 120;
/// Session-level attributes are copied into every m-line, and "*" feedback into every payload type: bounds on
/// those keep a description in proportion to its text. Browsers stay below a third of each.
constexpr size_t maxFingerprints = 8;
constexpr size_t maxFingerprintBytes = size_t{64} * 3;
constexpr size_t maxExtensions = 64;
constexpr size_t maxUriBytes = 256;
constexpr size_t maxFeedbackLines = 1024;
constexpr size_t maxFeedbackOfType = 32;

std::optional<uint64_t> number(std::string_view text, uint64_t max) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

Fields split(std::string_view text, char separator) {
  Fields fields;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) fields.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return fields;
}

/// Cuts `text` at the first `separator`: what stands before it is returned, what follows stays in `text`.
std::string_view cut(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return head;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

bool isIdentifier(std::string_view text) {
  return !text.empty() && text.size() <= maxIdentifierBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_' || c == '.' || c == '+' || c == '{' || c == '}';
         });
}

std::optional<Direction> direction(std::string_view text) {
  if (text == "sendrecv") return Direction::SendRecv;
  if (text == "sendonly") return Direction::SendOnly;
  if (text == "recvonly") return Direction::RecvOnly;
  if (text == "inactive") return Direction::Inactive;
  return std::nullopt;
}

/// An attribute of the media description in hand, before the payload types are put together.
struct PayloadLines {
  struct Feedback {
    std::optional<uint8_t> payloadType;  ///< none: "*"
    std::string text;
  };
  std::vector<PayloadType> maps;
  std::vector<std::pair<uint8_t, std::string>> parameters;
  std::vector<Feedback> feedback;
};

class Parser {
 public:
  Parser(std::string_view text, ParseLimits limits) : text_(text), limits_(limits) {}

  tl::expected<SessionDescription, ParseError> run() {
    if (text_.size() > limits_.bytes) {
      return problem(0, {}, "longer than " + std::to_string(limits_.bytes) + " bytes");
    }
    while (!text_.empty()) {
      std::string_view line = cut(text_, '\n');
      ++lineNumber_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty() && text_.find_first_not_of("\r\n") == text_.npos) break;
      if (const std::string wrong = readLine(line); !wrong.empty()) return problem(lineNumber_, line, wrong);
    }
    if (lineNumber_ == 0) return problem(0, {}, "empty");
    if (result_.sessionId.empty()) return problem(0, {}, "no o= line");
    finishMedia();
    return std::move(result_);
  }

 private:
  static tl::unexpected<ParseError> problem(uint32_t line, std::string_view text, std::string message) {
    return tl::make_unexpected(
        ParseError{line, std::string(text.substr(0, maxErrorText)), std::move(message)});
  }

  /// Each of these returns what is wrong, or nothing.
  std::string readLine(std::string_view line) {
    if (line.size() < 2 || line[1] != '=') return "not of the form x=…";
    if (std::any_of(line.begin(), line.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; })) {
      return "control character";
    }
    const std::string_view value = line.substr(2);
    if (lineNumber_ == 1) return line == "v=0" ? "" : "expected v=0 first";
    switch (line[0]) {
      case 'o':
        return readOrigin(value);
      case 'm':
        return readMediaLine(value);
      case 'a':
        return readAttribute(value);
      default:
        return "";
    }
  }

  std::string readOrigin(std::string_view value) {
    const Fields fields = split(value, ' ');
    const auto version = fields.size() == 6 ? number(fields[2], UINT64_MAX) : std::nullopt;
    if (!version || !number(fields[1], UINT64_MAX)) {
      return "expected o=<user> <session id> <version> <net> <addr type> <address>";
    }
    result_.sessionId = fields[1];
    result_.sessionVersion = *version;
    return "";
  }

  std::string readMediaLine(std::string_view value) {
    finishMedia();
    if (result_.media.size() == limits_.mediaLines) {
      return "more than " + std::to_string(limits_.mediaLines) + " m-lines";
    }
    const Fields fields = split(value, ' ');
    if (fields.size() < 4) return "expected m=<kind> <port> <protocol> <format> …";
    const auto port = number(fields[1].substr(0, fields[1].find('/')), 65535);
    if (!port) return "port is not a number in 0..65535";
    if (fields.size() - 3 > maxFormats) return "more than 128 formats";
    MediaDescription media;
    media.direction = session_.direction;
    media.iceUfrag = session_.iceUfrag;
    media.icePassword = session_.icePassword;
    media.fingerprints = session_.fingerprints;
    media.setup = session_.setup;
    media.extensions = session_.extensions;
    media.kind = fields[0];
    media.port = static_cast<uint16_t>(*port);
    media.protocol = fields[2];
    media.formats.assign(fields.begin() + 3, fields.end());
    media.line = lineNumber_;
    result_.media.push_back(std::move(media));
    ownFingerprints_ = false;
    return "";
  }

  MediaDescription& current() { return result_.media.empty() ? session_ : result_.media.back(); }

  std::string readAttribute(std::string_view value) {
    const std::string_view whole = value;
    const std::string_view key = cut(value, ':');
    if (whole.size() == key.size()) return readFlag(key);
    using Handler = std::string (Parser::*)(std::string_view);
    static constexpr std::array<std::pair<std::string_view, Handler>, 19> handlers{{
        {"group", &Parser::readGroup},
        {"mid", &Parser::readMid},
        {"ice-ufrag", &Parser::readIceUfrag},
        {"ice-pwd", &Parser::readIcePassword},
        {"fingerprint", &Parser::readFingerprint},
        {"setup", &Parser::readSetup},
        {"msid", &Parser::readMsid},
        {"rtpmap", &Parser::readRtpMap},
        {"fmtp", &Parser::readParameters},
        {"rtcp-fb", &Parser::readFeedback},
        {"extmap", &Parser::readExtensionMap},
        {"rid", &Parser::readRid},
        {"simulcast", &Parser::readSimulcast},
        {"ssrc", &Parser::readSsrc},
        {"ssrc-group", &Parser::readSsrcGroup},
        {"candidate", &Parser::readCandidate},
        {"sctp-port", &Parser::readSctpPort},
        {"sctpmap", &Parser::readSctpMap},
        {"max-message-size", &Parser::readMaxMessageSize},
    }};
    for (const auto& [name, handler] : handlers) {
      if (name == key) return (this->*handler)(value);
    }
    return "";
  }

  std::string readFlag(std::string_view key) {
    MediaDescription& media = current();
    if (const auto found = direction(key)) media.direction = *found;
    if (key == "rtcp-mux") media.rtcpMux = true;
    if (key == "rtcp-rsize") media.rtcpReducedSize = true;
    if (key == "bundle-only") media.bundleOnly = true;
    if (key == "end-of-candidates") media.endOfCandidates = true;
    if (key == "ice-lite") result_.iceLite = true;
    return "";
  }

  std::string readGroup(std::string_view value) {
    const Fields fields = split(value, ' ');
    if (fields.empty() || fields[0] != "BUNDLE" || !result_.bundle.empty()) return "";
    if (fields.size() - 1 > limits_.mediaLines) return "more mids than m-lines are allowed";
    result_.bundle.assign(fields.begin() + 1, fields.end());
    return "";
  }

  std::string readMid(std::string_view value) {
    if (result_.media.empty()) return "a=mid before the first m-line";
    if (!isIdentifier(value)) return "a mid is 1..16 letters, digits, '-', '_', '.'";
    for (const auto& media : result_.media) {
      if (media.mid == value) return "this mid stands twice";
    }
    current().mid = value;
    return "";
  }

  std::string readIceUfrag(std::string_view value) {
    if (value.size() < 4 || value.size() > maxIceBytes) return "ice-ufrag is 4..256 characters";
    current().iceUfrag = value;
    return "";
  }

  std::string readIcePassword(std::string_view value) {
    if (value.size() < 22 || value.size() > maxIceBytes) return "ice-pwd is 22..256 characters";
    current().icePassword = value;
    return "";
  }

  std::string readFingerprint(std::string_view value) {
    const std::string algorithm = lower(cut(value, ' '));
    if (algorithm.empty() || value.size() < 2 || value.size() % 3 != 2 || value.size() > maxFingerprintBytes)
      return "expected <hash> <XX:XX:…>";
    std::string upper(value);
    for (size_t i = 0; i < upper.size(); ++i) {
      char& c = upper[i];
      if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
      const bool hex = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
      if (i % 3 == 2 ? c != ':' : !hex) return "expected <hash> <XX:XX:…>";
    }
    auto& list = current().fingerprints;
    if (!ownFingerprints_) list.clear();
    ownFingerprints_ = true;
    if (list.size() == maxFingerprints) return "more than 8 fingerprints";
    list.push_back({algorithm, std::move(upper)});
    return "";
  }

  std::string readSetup(std::string_view value) {
    current().setup = value;
    return "";
  }

  std::string readMsid(std::string_view value) {
    current().msid = value;
    return "";
  }

  std::string readRtpMap(std::string_view value) {
    const auto type = number(cut(value, ' '), 127);
    const Fields fields = split(value, '/');
    if (!type || fields.size() < 2 || fields.size() > 3)
      return "expected a=rtpmap:<0..127> <name>/<clock rate>";
    const auto rate = number(fields[1], UINT32_MAX);
    const auto channels = fields.size() == 3 ? number(fields[2], 255) : 0;
    if (!rate || !channels) return "clock rate or channels are not numbers";
    PayloadType map;
    map.number = static_cast<uint8_t>(*type);
    map.encoding = fields[0];
    map.clockRate = static_cast<uint32_t>(*rate);
    map.channels = static_cast<uint32_t>(*channels);
    if (lines_.maps.size() == maxFormats) return "more than 128 a=rtpmap lines for one m-line";
    lines_.maps.push_back(std::move(map));
    return "";
  }

  std::string readParameters(std::string_view value) {
    const auto type = number(cut(value, ' '), 127);
    if (!type) return current().kind == "application" ? "" : "expected a=fmtp:<0..127> …";
    lines_.parameters.emplace_back(static_cast<uint8_t>(*type), std::string(value));
    return "";
  }

  std::string readFeedback(std::string_view value) {
    const std::string_view first = cut(value, ' ');
    if (value.empty()) return "expected a=rtcp-fb:<payload type or *> <feedback>";
    if (lines_.feedback.size() == maxFeedbackLines) return "more than 1024 a=rtcp-fb lines for one m-line";
    if (first == "*") {
      lines_.feedback.push_back({std::nullopt, std::string(value)});
      return "";
    }
    const auto type = number(first, 127);
    if (!type) return "expected a=rtcp-fb:<payload type or *> <feedback>";
    lines_.feedback.push_back({static_cast<uint8_t>(*type), std::string(value)});
    return "";
  }

  std::string readExtensionMap(std::string_view value) {
    std::string_view first = cut(value, ' ');
    const auto id = number(cut(first, '/'), 255);
    const auto restricted = first.empty() ? Direction::SendRecv : direction(first);
    // RFC 8285 allows ids 4096..4351 in offers as place holders; they can only be refused.
    if (!id || *id == 0) return "";
    const std::string_view uri = value.substr(0, value.find(' '));
    if (!restricted || uri.empty()) return "expected a=extmap:<id>[/direction] <URI>";
    if (value.size() > maxUriBytes) return "";
    if (current().extensions.size() == maxExtensions) return "more than 64 a=extmap lines for one m-line";
    current().extensions.push_back({static_cast<uint8_t>(*id), *restricted, std::string(uri)});
    return "";
  }

  std::string readRid(std::string_view value) {
    const Fields fields = split(value, ' ');
    if (fields.size() < 2 || !isIdentifier(fields[0]) || (fields[1] != "send" && fields[1] != "recv")) {
      return "expected a=rid:<id> send|recv";
    }
    for (const auto& rid : current().rids) {
      if (rid.id == fields[0]) return "this rid stands twice";
    }
    if (current().rids.size() == maxFormats) return "more than 128 rids for one m-line";
    current().rids.push_back({std::string(fields[0]), fields[1] == "send"});
    return "";
  }

  std::string readSimulcast(std::string_view value) {
    const Fields fields = split(value, ' ');
    if (fields.size() != 2 && fields.size() != 4) return "expected a=simulcast:send|recv <rid>;…";
    for (size_t i = 0; i < fields.size(); i += 2) {
      if (fields[i] != "send" && fields[i] != "recv") return "expected a=simulcast:send|recv <rid>;…";
      auto& list = fields[i] == "send" ? current().simulcastSend : current().simulcastReceive;
      if (!list.empty()) return "the same direction stands twice";
      for (std::string_view stream : split(fields[i + 1], ';')) {
        std::string_view rid = cut(stream, ',');
        if (rid.starts_with('~')) rid.remove_prefix(1);
        if (!isIdentifier(rid)) return "not a rid: " + std::string(rid.substr(0, maxIdentifierBytes));
        if (list.size() == maxFormats) return "more than 128 simulcast streams";
        list.emplace_back(rid);
      }
    }
    return "";
  }

  std::string readSsrc(std::string_view value) {
    const auto ssrc = number(cut(value, ' '), UINT32_MAX);
    if (!ssrc) return "expected a=ssrc:<number> <attribute>";
    if (!value.empty()) current().ssrcs.push_back({static_cast<uint32_t>(*ssrc), std::string(value)});
    return "";
  }

  std::string readSsrcGroup(std::string_view value) {
    const Fields fields = split(value, ' ');
    SsrcGroup group;
    if (fields.size() < 2) return "expected a=ssrc-group:<semantics> <ssrc> …";
    group.semantics = fields[0];
    for (size_t i = 1; i < fields.size(); ++i) {
      const auto ssrc = number(fields[i], UINT32_MAX);
      if (!ssrc) return "an SSRC is a number in 0..4294967295";
      group.ssrcs.push_back(static_cast<uint32_t>(*ssrc));
    }
    current().ssrcGroups.push_back(std::move(group));
    return "";
  }

  std::string readCandidate(std::string_view value) {
    current().candidates.emplace_back(value);
    return "";
  }

  std::string readSctpPort(std::string_view value) {
    const auto port = number(value, UINT16_MAX);
    if (!port || *port == 0) return "expected a=sctp-port:<1..65535>";
    current().sctpPort = static_cast<uint16_t>(*port);
    return "";
  }

  /// draft-ietf-mmusic-sctp-sdp-05, before the port had an attribute of its own. Of other uses than data
  /// channels nothing is kept.
  std::string readSctpMap(std::string_view value) {
    const Fields fields = split(value, ' ');
    if (fields.size() < 2 || fields[1] != "webrtc-datachannel") return "";
    return readSctpPort(fields[0]);
  }

  std::string readMaxMessageSize(std::string_view value) {
    const auto size = number(value, UINT64_MAX);
    if (!size) return "expected a=max-message-size:<bytes>";
    current().maxMessageSize = *size;
    return "";
  }

  /// Puts the payload types of the m-line in hand together, in the order of its formats.
  void finishMedia() {
    if (!result_.media.empty()) {
      MediaDescription& media = result_.media.back();
      for (const auto& format : media.formats) {
        const auto type = number(format, 127);
        if (!type || media.payloadType(static_cast<uint8_t>(*type)) != nullptr) continue;
        const auto map = std::find_if(lines_.maps.begin(), lines_.maps.end(),
                                      [&](const PayloadType& m) { return m.number == *type; });
        if (map == lines_.maps.end()) continue;
        media.payloadTypes.push_back(std::move(*map));
        completePayloadType(media.payloadTypes.back());
      }
    }
    lines_ = {};
  }

  void completePayloadType(PayloadType& type) {
    for (auto& [payloadType, text] : lines_.parameters) {
      if (payloadType == type.number) type.parameters = text;
    }
    for (const auto& [payloadType, text] : lines_.feedback) {
      if (payloadType.value_or(type.number) != type.number || type.feedback.size() == maxFeedbackOfType)
        continue;
      type.feedback.push_back(text);
    }
  }

  std::string_view text_;
  ParseLimits limits_;
  uint32_t lineNumber_ = 0;
  SessionDescription result_;
  MediaDescription session_;  ///< what stands before the first m-line
  PayloadLines lines_;
  bool ownFingerprints_ = false;  ///< the m-line in hand has its own, which replace those of the session
};

}  // namespace

tl::expected<SessionDescription, ParseError> parse(std::string_view text, ParseLimits limits) {
  return Parser(text, limits).run();
}

Direction reversed(Direction direction) {
  if (direction == Direction::SendOnly) return Direction::RecvOnly;
  if (direction == Direction::RecvOnly) return Direction::SendOnly;
  return direction;
}

bool sends(Direction direction) {
  return direction == Direction::SendRecv || direction == Direction::SendOnly;
}

bool receives(Direction direction) {
  return direction == Direction::SendRecv || direction == Direction::RecvOnly;
}

std::optional<std::string> PayloadType::parameter(std::string_view name) const {
  for (std::string_view field : split(parameters, ';')) {
    const size_t start = field.find_first_not_of(' ');
    if (start == field.npos) continue;
    field.remove_prefix(start);
    if (lower(cut(field, '=')) == lower(name)) return std::string(field);
  }
  return std::nullopt;
}

const PayloadType* MediaDescription::payloadType(uint8_t number) const {
  const auto found = std::find_if(payloadTypes.begin(), payloadTypes.end(),
                                  [number](const PayloadType& type) { return type.number == number; });
  return found == payloadTypes.end() ? nullptr : &*found;
}

}  // namespace sotto::signaling::sdp
