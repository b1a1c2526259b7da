// Offer to answer, one m-line after the other; m-line order and mids are the offer's (RFC 9429
// section 5.3.1).
#include "signaling/Negotiation.hpp"

#include <algorithm>
#include <set>
#include <variant>

#include "signaling/Identifiers.hpp"
#include "signaling/MediaLine.hpp"

namespace sotto::signaling {
namespace {

using control::MediaKind;
using control::TrackSource;

/// RFC 8839 section 5.4 asks for 24 bits of randomness in the ufrag and 128 in the password. Ours are hex: 8
/// bytes make the ufrag unique on a worker, which finds the endpoint of a first packet by it.
constexpr size_t ufragBytes = 8;
constexpr size_t passwordBytes = 16;
/// RFC 8445 section 5.1.2.1: host candidate, full local preference, component 1.
constexpr uint32_t hostPriority = 2130706431;
/// SSRCs of slots that went away are kept until there are this many.
constexpr size_t maxRememberedSlots = 256;
/// All slots belong to the server (RFC 7022 wants one name for one end).
constexpr std::string_view cname = "cname:sotto";

RequestError badSdp(const sdp::MediaDescription& at, std::string message) {
  RequestError error{ErrorCode::BadSdp, std::move(message), at.line, {}, {}};
  error.text = "m=" + at.kind + (at.mid.empty() ? "" : " (mid " + at.mid + ")");
  return error;
}

/// Chooses among several hashes the one that every worker can check.
std::optional<control::Fingerprint> bestFingerprint(const sdp::MediaDescription& media) {
  for (const std::string_view algorithm : {"sha-256", "sha-384", "sha-512"}) {
    for (const auto& fingerprint : media.fingerprints) {
      if (fingerprint.algorithm == algorithm) return fingerprint;
    }
  }
  return std::nullopt;
}

class Negotiator {
 public:
  Negotiator(const NegotiationInput& input, base::Random& random) : in_(input), random_(random) {}

  Result<Negotiated> run() {
    for (const auto& media : in_.offer.media) {
      for (const auto& attribute : media.ssrcs) takenSsrcs_.insert(attribute.ssrc);
    }
    if (auto done = agreeOnTransport(); !done) return tl::make_unexpected(std::move(done.error()));
    if (auto done = checkNames(); !done) return tl::make_unexpected(std::move(done.error()));
    answer_.iceLite = true;
    for (const auto& offered : in_.offer.media) {
      if (auto done = answerLine(offered); !done) return tl::make_unexpected(std::move(done.error()));
    }
    answer_.sessionId = std::to_string(out_.agreement.answerSessionId);
    answer_.sessionVersion = out_.agreement.answerVersion;
    out_.answer = sdp::write(answer_);
    return std::move(out_);
  }

 private:
  using Done = Result<std::monostate>;

  /// A line that carries media now or may later on.
  bool accepts(const sdp::MediaDescription& offered) const {
    return (isRtpLine(offered) || isDataLine(offered)) && (offered.port != 0 || offered.bundleOnly);
  }

  Done agreeOnTransport() {
    const auto first = std::find_if(in_.offer.media.begin(), in_.offer.media.end(),
                                    [this](const auto& media) { return accepts(media); });
    if (first == in_.offer.media.end()) {
      return refuse(ErrorCode::BadSdp, "the offer has no audio, video or data m-line");
    }
    const auto fingerprint = bestFingerprint(*first);
    if (!fingerprint)
      return tl::make_unexpected(badSdp(*first, "no sha-256, sha-384 or sha-512 fingerprint"));
    if (first->iceUfrag.empty() || first->icePassword.empty()) {
      return tl::make_unexpected(badSdp(*first, "ice-ufrag and ice-pwd are needed"));
    }
    if (first->setup != "actpass" && first->setup != "active") {
      return tl::make_unexpected(badSdp(*first, "a=setup must be actpass or active: the server is passive"));
    }
    if (in_.offer.iceLite)
      return refuse(ErrorCode::BadSdp, "both ends are ICE-lite, so nobody would connect");
    continueOrBegin(*first, *fingerprint);
    return std::monostate{};
  }

  void continueOrBegin(const sdp::MediaDescription& first, const control::Fingerprint& fingerprint) {
    Agreement& agreement = out_.agreement;
    const Agreement* previous = in_.previous;
    const bool same = previous != nullptr && previous->fingerprint == fingerprint &&
                      previous->remoteSessionId == in_.offer.sessionId;
    out_.replaces = previous != nullptr && !same;
    if (same) {
      agreement = *previous;
      agreement.tracks.clear();
      agreement.slots.clear();
      agreement.data.reset();
      for (const auto& [mid, ssrcs] : agreement.slotSsrcs) takenSsrcs_.insert({ssrcs.media, ssrcs.rtx});
    } else {
      agreement.answerSessionId = random_.u64() >> 2;  // RFC 9429 section 5.2.1: 62 bits
    }
    ++agreement.answerVersion;
    agreement.remoteSessionId = in_.offer.sessionId;
    agreement.fingerprint = fingerprint;
    out_.iceRestarted = same && (agreement.ice.remoteUfrag != first.iceUfrag ||
                                 agreement.ice.remotePassword != first.icePassword);
    if (!same || out_.iceRestarted) {
      agreement.ice.localUfrag = randomHex(random_, ufragBytes);
      agreement.ice.localPassword = randomHex(random_, passwordBytes);
    }
    agreement.ice.remoteUfrag = first.iceUfrag;
    agreement.ice.remotePassword = first.icePassword;
  }

  /// Every name must belong to a sending m-line, once.
  Done checkNames() {
    if (!in_.tracks) return std::monostate{};
    std::set<std::string_view> mids;
    std::set<TrackSource> sources;
    for (const auto& track : *in_.tracks) {
      const auto media = std::find_if(in_.offer.media.begin(), in_.offer.media.end(),
                                      [&track](const auto& m) { return m.mid == track.mid; });
      if (media == in_.offer.media.end() || !isRtpLine(*media) || !accepts(*media) ||
          !sdp::sends(media->direction)) {
        return refuse(ErrorCode::BadMessage,
                      "tracks: mid \"" + track.mid + "\" is no sending m-line of the offer");
      }
      const bool audio = track.source == TrackSource::Microphone;
      if ((kindOf(*media) == MediaKind::Audio) != audio) {
        return refuse(ErrorCode::BadMessage, "tracks: mid \"" + track.mid + "\" is " + media->kind +
                                                 " and cannot be a " + std::string(sourceName(track.source)));
      }
      if (!mids.insert(track.mid).second || !sources.insert(track.source).second) {
        return refuse(ErrorCode::BadMessage, "tracks: a mid or a source is named twice");
      }
    }
    return std::monostate{};
  }

  Done answerLine(const sdp::MediaDescription& offered) {
    sdp::MediaDescription& answered = answer_.media.emplace_back();
    answered.kind = offered.kind;
    answered.protocol = offered.protocol;
    answered.mid = offered.mid;
    // There is one association: of several data m-lines the first.
    if (!accepts(offered) || (isDataLine(offered) && out_.agreement.data)) {
      answered.formats = offered.formats;
      answered.direction = sdp::Direction::Inactive;
      return std::monostate{};
    }
    const auto& bundle = in_.offer.bundle;
    if (offered.mid.empty() || std::find(bundle.begin(), bundle.end(), offered.mid) == bundle.end()) {
      return tl::make_unexpected(badSdp(offered, "every m-line needs a mid that is in a=group:BUNDLE"));
    }
    if (isDataLine(offered)) return answerData(offered, answered);
    if (!offered.rtcpMux) return tl::make_unexpected(badSdp(offered, "a=rtcp-mux is needed"));
    answerTransport(offered, answered);
    const MediaLineUse use = sdp::sends(offered.direction)      ? MediaLineUse::Track
                             : sdp::receives(offered.direction) ? MediaLineUse::Slot
                                                                : MediaLineUse::None;
    auto [codecs, payloadTypes] = commonCodecs(offered, use);
    if (codecs.empty()) {
      RequestError error = badSdp(offered, "no common codec: Opus, VP8 and VP9 (profile 0) are forwarded");
      error.code = ErrorCode::NoCommonCodec;
      return tl::make_unexpected(std::move(error));
    }
    for (const auto& type : payloadTypes) answered.formats.push_back(std::to_string(type.number));
    answered.payloadTypes = std::move(payloadTypes);
    auto [ids, maps] = commonExtensions(offered, use);
    answered.extensions = std::move(maps);
    answered.direction = sdp::Direction::Inactive;
    if (use == MediaLineUse::Track) return addTrack(offered, answered, std::move(codecs), ids);
    if (use == MediaLineUse::Slot) return addSlot(offered, answered, std::move(codecs), ids);
    return std::monostate{};
  }

  Done answerData(const sdp::MediaDescription& offered, sdp::MediaDescription& answered) {
    answerTransport(offered, answered);
    answered.rtcpMux = false;
    answered.formats = offered.formats;
    // Both ends may use the same port number: it is a number inside of DTLS.
    answered.sctpPort = offered.sctpPort;
    answered.maxMessageSize = control::maxDataMessage;
    out_.agreement.data = dataTransport(offered);
    return std::monostate{};
  }

  void answerTransport(const sdp::MediaDescription& offered, sdp::MediaDescription& answered) {
    answered.port = 9;  // RFC 8840 section 4.1.1: the candidates say where
    answered.rtcpMux = true;
    answered.rtcpReducedSize = offered.rtcpReducedSize;
    answered.iceUfrag = out_.agreement.ice.localUfrag;
    answered.icePassword = out_.agreement.ice.localPassword;
    answered.fingerprints = {in_.address.fingerprint};
    answered.setup = "passive";
    if (answer_.bundle.empty()) {
      uint32_t priority = hostPriority;
      for (const auto& candidate : in_.address.candidates) {
        answered.candidates.push_back(std::to_string(answered.candidates.size() + 1) + " 1 udp " +
                                      std::to_string(priority) + " " + candidate.ipString() + " " +
                                      std::to_string(candidate.port) + " typ host");
        priority -= 256;  // one step of local preference
      }
      answered.endOfCandidates = true;
    }
    answer_.bundle.push_back(offered.mid);
  }

  Done addTrack(const sdp::MediaDescription& offered, sdp::MediaDescription& answered,
                std::vector<control::Codec> codecs, const control::HeaderExtensionIds& ids) {
    if (!in_.mayPublish) return refuse(ErrorCode::Forbidden, "the token does not grant publishing");
    auto& tracks = out_.agreement.tracks;
    if (tracks.size() == in_.limits.tracks) {
      return refuse(ErrorCode::TooManyTracks, "more than " + std::to_string(in_.limits.tracks) + " tracks");
    }
    const auto source = sourceOf(offered);
    if (!source) return tl::make_unexpected(source.error());
    control::Track track;
    track.mid = offered.mid;
    track.kind = kindOf(offered);
    track.source = *source;
    track.muted = isMuted(offered.mid, *source);
    track.codecs = std::move(codecs);
    track.extensions = ids;
    if (auto rids = ridsOf(offered)) {
      track.rids = std::move(*rids);
    } else {
      return tl::make_unexpected(rids.error());
    }
    track.ssrcs = ssrcPairs(offered);
    for (const auto& rid : track.rids) answered.rids.push_back({rid, false});
    answered.simulcastReceive = track.rids;
    answered.direction = sdp::Direction::RecvOnly;
    tracks.push_back(std::move(track));
    return std::monostate{};
  }

  Result<std::vector<std::string>> ridsOf(const sdp::MediaDescription& offered) {
    std::vector<std::string> rids;
    for (const auto& rid : offered.simulcastSend) {
      const bool declared =
          std::any_of(offered.rids.begin(), offered.rids.end(),
                      [&rid](const sdp::Rid& line) { return line.id == rid && line.sends; });
      if (!declared)
        return tl::make_unexpected(badSdp(offered, "a=simulcast names a rid that has no a=rid line"));
      if (std::find(rids.begin(), rids.end(), rid) != rids.end()) {
        return tl::make_unexpected(badSdp(offered, "a=simulcast names a rid twice"));
      }
      rids.push_back(rid);
    }
    if (rids.size() > in_.limits.simulcastLayers) {
      return refuse(ErrorCode::TooManyTracks,
                    "more than " + std::to_string(in_.limits.simulcastLayers) + " simulcast layers");
    }
    return rids;
  }

  Result<TrackSource> sourceOf(const sdp::MediaDescription& offered) {
    if (in_.tracks) {
      for (const auto& track : *in_.tracks) {
        if (track.mid == offered.mid) return track.source;
      }
      return refuse(ErrorCode::BadMessage, "tracks does not name the sending m-line \"" + offered.mid + "\"");
    }
    const auto isFree = [this](TrackSource source) {
      const auto& tracks = out_.agreement.tracks;
      return std::none_of(tracks.begin(), tracks.end(),
                          [source](const auto& t) { return t.source == source; });
    };
    if (kindOf(offered) == MediaKind::Audio) {
      if (isFree(TrackSource::Microphone)) return TrackSource::Microphone;
    } else {
      if (isFree(TrackSource::Camera)) return TrackSource::Camera;
      if (isFree(TrackSource::Screen)) return TrackSource::Screen;
    }
    return refuse(ErrorCode::TooManyTracks, "one microphone, one camera and one screen can be published");
  }

  bool isMuted(const std::string& mid, TrackSource source) const {
    if (in_.tracks) {
      for (const auto& track : *in_.tracks) {
        if (track.mid == mid && track.muted) return *track.muted;
      }
    }
    return std::find(in_.muted.begin(), in_.muted.end(), source) != in_.muted.end();
  }

  Done addSlot(const sdp::MediaDescription& offered, sdp::MediaDescription& answered,
               std::vector<control::Codec> codecs, const control::HeaderExtensionIds& ids) {
    if (!in_.maySubscribe) return refuse(ErrorCode::Forbidden, "the token does not grant subscribing");
    const MediaKind kind = kindOf(offered);
    auto& slots = out_.agreement.slots;
    const auto used =
        std::count_if(slots.begin(), slots.end(), [kind](const auto& s) { return s.kind == kind; });
    const size_t limit = kind == MediaKind::Audio ? in_.limits.audioSlots : in_.limits.videoSlots;
    if (static_cast<size_t>(used) >= limit) {
      return refuse(ErrorCode::TooManySlots,
                    "more than " + std::to_string(limit) + " " + offered.kind + " slots");
    }
    if (out_.agreement.slotSsrcs.size() >= maxRememberedSlots) forgetAbsentSlots();
    auto [entry, isNew] = out_.agreement.slotSsrcs.try_emplace(offered.mid);
    auto& ssrcs = entry->second;
    if (ssrcs.media == 0) ssrcs.media = freshSsrc();
    if (kind == MediaKind::Video && ssrcs.rtx == 0) ssrcs.rtx = freshSsrc();
    control::Slot slot{offered.mid, kind, ssrcs.media, 0, std::move(codecs), ids};
    const bool rtx = std::any_of(slot.codecs.begin(), slot.codecs.end(), [](const control::Codec& codec) {
      return codec.rtxPayloadType.has_value();
    });
    if (rtx) slot.rtxSsrc = ssrcs.rtx;
    answered.msid = "- slot" + offered.mid;
    if (rtx) answered.ssrcGroups.push_back({"FID", {slot.ssrc, slot.rtxSsrc}});
    for (const uint32_t ssrc : {slot.ssrc, slot.rtxSsrc}) {
      if (ssrc == 0) continue;
      answered.ssrcs.push_back({ssrc, std::string(cname)});
      answered.ssrcs.push_back({ssrc, "msid:" + answered.msid});
    }
    answered.direction = sdp::Direction::SendOnly;
    slots.push_back(std::move(slot));
    return std::monostate{};
  }

  void forgetAbsentSlots() {
    std::erase_if(out_.agreement.slotSsrcs, [this](const auto& entry) {
      const auto& media = in_.offer.media;
      return std::none_of(media.begin(), media.end(),
                          [&entry](const auto& m) { return m.mid == entry.first; });
    });
  }

  uint32_t freshSsrc() {
    for (;;) {
      const uint32_t ssrc = random_.u32();
      if (ssrc != 0 && takenSsrcs_.insert(ssrc).second) return ssrc;
    }
  }

  const NegotiationInput& in_;
  base::Random& random_;
  sdp::SessionDescription answer_;
  Negotiated out_;
  std::set<uint32_t> takenSsrcs_;
};

}  // namespace

std::string_view sourceName(TrackSource source) {
  switch (source) {
    case TrackSource::Microphone:
      return "microphone";
    case TrackSource::Camera:
      return "camera";
    case TrackSource::Screen:
      break;
  }
  return "screen";
}

Result<Negotiated> negotiate(const NegotiationInput& input, base::Random& random) {
  return Negotiator(input, random).run();
}

}  // namespace sotto::signaling
