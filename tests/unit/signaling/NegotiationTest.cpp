#include "signaling/Negotiation.hpp"

#include <catch2/catch.hpp>
#include <regex>
#include <set>

#include "World.hpp"

namespace sotto::signaling {
namespace {

using control::TrackSource;

const MediaAddress address{
    {*base::SocketAddress::parse("192.0.2.7", 40000), *base::SocketAddress::parse("2001:db8::7", 40000)},
    {"sha-256", "AA:BB:CC"}};

/// A client that offers again and again.
struct Peer {
  Limits limits;
  std::optional<std::vector<NamedTrack>> tracks;
  bool mayPublish = true, maySubscribe = true;
  std::vector<TrackSource> muted;
  std::optional<Agreement> agreement;
  base::SeededRandom random{7};

  Result<Negotiated> offerText(const std::string& text) {
    const auto offer = sdp::parse(text);
    REQUIRE(offer);
    auto result = negotiate(
        {*offer, tracks, address, limits, mayPublish, maySubscribe, muted, agreement ? &*agreement : nullptr},
        random);
    if (result) agreement = result->agreement;
    return result;
  }
  Result<Negotiated> offer(const std::string& name) { return offerText(test::readSdp(name)); }
};

sdp::SessionDescription answerOf(const Result<Negotiated>& result) {
  REQUIRE(result);
  const auto parsed = sdp::parse(result->answer);
  REQUIRE(parsed);
  return *parsed;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != text.npos);
  return text.replace(at, from.size(), to);
}

std::string replacedAll(const std::string& text, const std::string& from, const std::string& to) {
  return std::regex_replace(text, std::regex(from), to);
}

TEST_CASE("An answer mirrors its offer m-line by m-line", "[negotiation]") {
  const auto name =
      GENERATE(std::string("chromium-simulcast"), "firefox-simulcast", "chromium-subscribe-only",
               "firefox-subscribe-only", "chromium-plain-sendrecv", "firefox-plain-sendrecv",
               "chromium-vp9-preferred", "firefox-vp9-preferred", "chromium-balanced-datachannel",
               "firefox-balanced-datachannel", "aiortc-audio-video");
  CAPTURE(name);
  Peer peer;
  const auto offer = *sdp::parse(test::readSdp(name));
  const auto result = peer.offer(name);
  const auto answer = answerOf(result);
  CHECK(answer.iceLite);
  CHECK(result->answer.find("extmap-allow-mixed") == std::string::npos);
  REQUIRE(answer.media.size() == offer.media.size());
  for (size_t i = 0; i < offer.media.size(); ++i) {
    const auto& asked = offer.media[i];
    const auto& given = answer.media[i];
    CAPTURE(i);
    CHECK(given.kind == asked.kind);
    CHECK(given.mid == asked.mid);
    CHECK(given.protocol == asked.protocol);
    CHECK(given.port == 9);
    CHECK(given.setup == "passive");
    CHECK(std::find(answer.bundle.begin(), answer.bundle.end(), given.mid) != answer.bundle.end());
    CHECK(given.iceUfrag == peer.agreement->ice.localUfrag);
    CHECK(given.fingerprints == std::vector<control::Fingerprint>{address.fingerprint});
    if (asked.kind == "application") {
      CHECK(given.formats == asked.formats);
      CHECK(given.sctpPort == asked.sctpPort);
      CHECK(given.maxMessageSize == uint64_t{65'536});
      CHECK_FALSE(given.rtcpMux);
      continue;
    }
    CHECK(given.rtcpMux);
    CHECK(given.rtcpReducedSize == asked.rtcpReducedSize);
    CHECK(given.icePassword == peer.agreement->ice.localPassword);
    CHECK(given.icePassword.size() >= 22);
    CHECK(given.direction ==
          (sdp::sends(asked.direction) ? sdp::Direction::RecvOnly : sdp::Direction::SendOnly));
    for (const auto& extension : given.extensions) {
      const auto same = [&](const auto& e) { return e.id == extension.id && e.uri == extension.uri; };
      CHECK(std::any_of(asked.extensions.begin(), asked.extensions.end(), same));
    }
    for (const auto& type : given.payloadTypes) {
      REQUIRE(asked.payloadType(type.number) != nullptr);
      CHECK(asked.payloadType(type.number)->encoding == type.encoding);
      for (const auto& feedback : type.feedback) {
        const auto& offered = asked.payloadType(type.number)->feedback;
        CHECK(std::find(offered.begin(), offered.end(), feedback) != offered.end());
      }
    }
  }
  CHECK(answer.media[0].candidates ==
        std::vector<std::string>{"1 1 udp 2130706431 192.0.2.7 40000 typ host",
                                 "2 1 udp 2130706175 2001:db8::7 40000 typ host"});
  CHECK(answer.media[0].endOfCandidates);
}

TEST_CASE("Data channels are agreed on with the client's port and message size", "[negotiation]") {
  Peer peer;
  REQUIRE(peer.offer("chromium-balanced-datachannel"));
  CHECK(peer.agreement->data == control::DataTransport{5000, 262'144});
  Peer firefox;
  REQUIRE(firefox.offer("firefox-balanced-datachannel"));
  CHECK(firefox.agreement->data == control::DataTransport{5000, 1'073'741'823});
  Peer none;
  REQUIRE(none.offer("chromium-simulcast"));
  CHECK_FALSE(none.agreement->data);
}

TEST_CASE("Data channels in the older form are answered in it", "[negotiation]") {
  std::string text = test::readSdp("chromium-balanced-datachannel");
  text = replaced(text, "UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5001");
  text = replaced(text, "a=sctp-port:5000", "a=sctpmap:5001 webrtc-datachannel 1024");
  text = replaced(text, "a=max-message-size:262144", "a=max-message-size:0");
  Peer peer;
  const auto result = peer.offerText(text);
  const auto answer = answerOf(result);
  CHECK(peer.agreement->data == control::DataTransport{5001, UINT32_MAX});
  CHECK(result->answer.find("a=sctpmap:5001 webrtc-datachannel") != std::string::npos);
  CHECK(result->answer.find("a=sctp-port") == std::string::npos);
}

TEST_CASE("Data m-lines that say too little, and a second one, are answered with port 0", "[negotiation]") {
  const std::string whole = test::readSdp("chromium-balanced-datachannel");
  const auto dataLines = [](const Result<Negotiated>& result) {
    std::vector<uint16_t> ports;
    for (const auto& media : answerOf(result).media) {
      if (media.kind == "application") ports.push_back(media.port);
    }
    return ports;
  };
  Peer peer;
  CHECK(dataLines(peer.offerText(replaced(whole, "a=sctp-port:5000", "a=other:1"))) ==
        std::vector<uint16_t>{0});
  CHECK_FALSE(peer.agreement->data);
  CHECK(dataLines(peer.offerText(replaced(whole, "webrtc-datachannel", "something-else"))) ==
        std::vector<uint16_t>{0});
  const std::string line = whole.substr(whole.find("m=application"));
  const std::string mid =
      line.substr(line.find("a=mid:"), line.find("\r\n", line.find("a=mid:")) - line.find("a=mid:"));
  std::string twice = whole + replaced(line, mid, "a=mid:again");
  twice = replaced(twice, "a=group:BUNDLE", "a=group:BUNDLE again");
  CHECK(dataLines(peer.offerText(twice)) == std::vector<uint16_t>{9, 0});
  CHECK(peer.agreement->data);
}

TEST_CASE("A data m-line may be all that is offered, and cannot be named as a track", "[negotiation]") {
  const std::string whole = test::readSdp("firefox-balanced-datachannel");
  const std::string line = whole.substr(whole.find("m=application"));
  const size_t at = line.find("a=mid:") + 6;
  const std::string mid = line.substr(at, line.find("\r\n", at) - at);
  Peer peer;
  peer.tracks = std::vector<NamedTrack>{{mid, TrackSource::Camera, std::nullopt}};
  const auto named = peer.offerText(whole);
  REQUIRE_FALSE(named);
  CHECK(named.error().code == ErrorCode::BadMessage);
  peer.tracks.reset();
  std::string alone = whole.substr(0, whole.find("m=")) + line;
  alone = std::regex_replace(alone, std::regex("a=group:BUNDLE[^\r]*"), "a=group:BUNDLE " + mid);
  REQUIRE(peer.offerText(alone));
  CHECK(peer.agreement->data);
}

TEST_CASE("An offer that stops its data m-line ends data channels, and may begin them again",
          "[negotiation]") {
  const std::string whole = test::readSdp("chromium-balanced-datachannel");
  Peer peer;
  REQUIRE(peer.offerText(whole));
  REQUIRE(peer.offerText(replaced(whole, "m=application 9", "m=application 0")));
  CHECK_FALSE(peer.agreement->data);
  REQUIRE(peer.offerText(whole));
  CHECK(peer.agreement->data);
}

TEST_CASE("Chromium's camera is agreed on with its layers, codecs and extensions") {
  Peer peer;
  const auto answer = answerOf(peer.offer("chromium-simulcast"));
  REQUIRE(peer.agreement->tracks.size() == 2);
  const control::Track& camera = peer.agreement->tracks[1];
  CHECK(camera.mid == "1");
  CHECK(camera.source == TrackSource::Camera);
  CHECK(camera.rids == std::vector<std::string>{"q", "h", "f"});
  CHECK(camera.codecs ==
        std::vector<control::Codec>{{"VP8", 96, 90000, uint8_t{97}}, {"VP9", 98, 90000, uint8_t{99}}});
  CHECK(camera.extensions == control::HeaderExtensionIds{4, 10, 11, 0, 3, 2});
  CHECK(camera.ssrcs.empty());
  const control::Track& microphone = peer.agreement->tracks[0];
  CHECK(microphone.codecs == std::vector<control::Codec>{{"opus", 111, 48000, std::nullopt}});
  CHECK(microphone.extensions == control::HeaderExtensionIds{4, 0, 0, 1, 3, 2});
  CHECK(microphone.ssrcs == std::vector<control::Track::SsrcPair>{{2863481892u, 0}});

  const auto& line = answer.media[1];
  CHECK(line.formats == std::vector<std::string>{"96", "97", "98", "99"});
  CHECK(line.simulcastReceive == std::vector<std::string>{"q", "h", "f"});
  CHECK(line.rids == std::vector<sdp::Rid>{{"q", false}, {"h", false}, {"f", false}});
  CHECK(line.payloadType(96)->feedback ==
        std::vector<std::string>{"transport-cc", "ccm fir", "nack", "nack pli"});
  CHECK(line.payloadType(97)->parameters == "apt=96");
  CHECK(line.payloadType(98)->parameters == "profile-id=0");
  CHECK(answer.media[0].payloadType(111)->parameters == "minptime=10;useinbandfec=1");
  CHECK(answer.media[0].payloadType(111)->feedback == std::vector<std::string>{"transport-cc"});
}

TEST_CASE("Firefox's camera brings its SSRCs, and extensions that it restricts to one direction") {
  Peer peer;
  const auto answer = answerOf(peer.offer("firefox-simulcast"));
  const control::Track& camera = peer.agreement->tracks[1];
  CHECK(camera.ssrcs == std::vector<control::Track::SsrcPair>{{3671473738u, 2894329712u},
                                                              {3974844729u, 626197301u},
                                                              {3002103102u, 2244324750u}});
  CHECK(camera.extensions == control::HeaderExtensionIds{3, 9, 10, 0, 7, 4});
  const auto& extensions = answer.media[1].extensions;
  const auto rid =
      std::find_if(extensions.begin(), extensions.end(), [](const auto& e) { return e.id == 9; });
  REQUIRE(rid != extensions.end());
  CHECK(rid->direction == sdp::Direction::RecvOnly);
}

TEST_CASE("A slot is answered with SSRCs of its own and without transport-wide feedback") {
  Peer peer;
  const auto answer = answerOf(peer.offer("chromium-simulcast"));
  REQUIRE(peer.agreement->slots.size() == 5);
  std::set<uint32_t> ssrcs;
  for (const auto& slot : peer.agreement->slots) {
    const auto& line = *std::find_if(answer.media.begin(), answer.media.end(),
                                     [&](const auto& m) { return m.mid == slot.mid; });
    CAPTURE(slot.mid);
    CHECK(slot.ssrc != 0);
    CHECK(ssrcs.insert(slot.ssrc).second);
    CHECK(slot.extensions.transportCc == 0);
    CHECK(slot.extensions.absSendTime == 0);
    CHECK(slot.extensions.mid == 4);
    CHECK(line.msid == "- slot" + slot.mid);
    CHECK(line.ssrcs[0] == sdp::SsrcAttribute{slot.ssrc, "cname:sotto"});
    CHECK(line.ssrcs[1] == sdp::SsrcAttribute{slot.ssrc, "msid:- slot" + slot.mid});
    for (const auto& type : line.payloadTypes) {
      CHECK(std::find(type.feedback.begin(), type.feedback.end(), "transport-cc") == type.feedback.end());
    }
    if (slot.kind == control::MediaKind::Video) {
      CHECK(ssrcs.insert(slot.rtxSsrc).second);
      CHECK(line.ssrcGroups == std::vector<sdp::SsrcGroup>{{"FID", {slot.ssrc, slot.rtxSsrc}}});
    } else {
      CHECK(slot.rtxSsrc == 0);
      CHECK(line.ssrcGroups.empty());
    }
  }
}

TEST_CASE("Offers of one PeerConnection change what is there") {
  const auto browser = GENERATE(std::string("chromium"), "firefox");
  CAPTURE(browser);
  Peer peer;
  REQUIRE(peer.offer(browser + "-reoffer-1"));
  const Agreement first = *peer.agreement;

  auto result = peer.offer(browser + "-reoffer-2-screen");
  REQUIRE(result);
  CHECK_FALSE(result->replaces);
  CHECK_FALSE(result->iceRestarted);
  CHECK(peer.agreement->tracks.size() == 3);
  CHECK(peer.agreement->tracks[2].source == TrackSource::Screen);
  CHECK(peer.agreement->slots == first.slots);
  CHECK(peer.agreement->ice == first.ice);
  CHECK(sdp::parse(result->answer)->sessionVersion == 2);

  result = peer.offer(browser + "-reoffer-3-slots");
  REQUIRE(result);
  REQUIRE(peer.agreement->slots.size() == 6);
  CHECK(std::equal(first.slots.begin(), first.slots.end(), peer.agreement->slots.begin()));

  result = peer.offer(browser + "-reoffer-4-ice");
  REQUIRE(result);
  CHECK(result->iceRestarted);
  CHECK_FALSE(result->replaces);
  CHECK(peer.agreement->ice.localUfrag != first.ice.localUfrag);
  CHECK(peer.agreement->ice.remoteUfrag != first.ice.remoteUfrag);
  CHECK(peer.agreement->slots[0].ssrc == first.slots[0].ssrc);

  result = peer.offer(browser + "-reoffer-5-stop");
  const auto answer = answerOf(result);
  CHECK(peer.agreement->tracks.size() == 2);
  CHECK(answer.media[1].port == 0);
  CHECK(answer.media[1].direction == sdp::Direction::Inactive);
  CHECK(std::find(answer.bundle.begin(), answer.bundle.end(), "1") == answer.bundle.end());
}

TEST_CASE("Another fingerprint or another session is another PeerConnection") {
  Peer peer;
  REQUIRE(peer.offer("chromium-simulcast"));
  const Agreement first = *peer.agreement;
  const std::string text = test::readSdp("chromium-simulcast");
  SECTION("another browser's offer") {
    const auto result = peer.offer("firefox-simulcast");
    REQUIRE(result);
    CHECK(result->replaces);
    CHECK(peer.agreement->ice.localUfrag != first.ice.localUfrag);
    CHECK(peer.agreement->slots[0].ssrc != first.slots[0].ssrc);
  }
  SECTION("the same certificate in a new PeerConnection") {
    const auto result = peer.offerText(replaced(text, "3550151165340080909", "3550151165340080910"));
    REQUIRE(result);
    CHECK(result->replaces);
    CHECK_FALSE(result->iceRestarted);
  }
  SECTION("the same offer once more") {
    const auto result = peer.offerText(text);
    REQUIRE(result);
    CHECK_FALSE(result->replaces);
    CHECK(peer.agreement->slots == first.slots);
  }
}

TEST_CASE("A slot that rests and comes back keeps its SSRC") {
  Peer peer;
  const std::string text = test::readSdp("chromium-subscribe-only");
  REQUIRE(peer.offerText(text));
  const auto first = peer.agreement->slots[0];
  const auto resting = answerOf(peer.offerText(replaced(text, "a=recvonly", "a=inactive")));
  CHECK(peer.agreement->slots.size() == 3);
  CHECK(resting.media[0].direction == sdp::Direction::Inactive);
  CHECK(resting.media[0].port == 9);
  REQUIRE(peer.offerText(text));
  CHECK(peer.agreement->slots[0] == first);
}

TEST_CASE("aiortc may use one extension id for two things on two m-lines") {
  Peer peer;
  REQUIRE(peer.offer("aiortc-audio-video"));
  CHECK(peer.agreement->tracks[0].extensions.audioLevel == 2);
  CHECK(peer.agreement->tracks[1].extensions.audioLevel == 0);
  CHECK(peer.agreement->tracks[1].extensions.absSendTime == 2);
  CHECK(peer.agreement->ice.remoteUfrag == "AV3C");
}

TEST_CASE("Without names, sources go by kind") {
  Peer peer;
  REQUIRE(peer.offer("chromium-reoffer-2-screen"));
  REQUIRE(peer.agreement->tracks.size() == 3);
  CHECK(peer.agreement->tracks[0].source == TrackSource::Microphone);
  CHECK(peer.agreement->tracks[1].source == TrackSource::Camera);
  CHECK(peer.agreement->tracks[2].source == TrackSource::Screen);
}

TEST_CASE("Names decide what a track shows, and what is muted stays muted") {
  Peer peer;
  peer.tracks = {{"0", TrackSource::Microphone, std::nullopt}, {"1", TrackSource::Screen, true}};
  peer.muted = {TrackSource::Microphone};
  REQUIRE(peer.offer("chromium-simulcast"));
  CHECK(peer.agreement->tracks[0].muted);
  CHECK(peer.agreement->tracks[1].source == TrackSource::Screen);
  CHECK(peer.agreement->tracks[1].muted);
  peer.tracks = {{"0", TrackSource::Microphone, false}, {"1", TrackSource::Screen, false}};
  REQUIRE(peer.offer("chromium-simulcast"));
  CHECK_FALSE(peer.agreement->tracks[0].muted);
}

TEST_CASE("Names that do not fit the offer are refused") {
  struct Case {
    std::vector<NamedTrack> tracks;
    std::string message;
  };
  const std::vector<Case> cases{
      {{{"9", TrackSource::Camera, {}}}, "tracks: mid \"9\" is no sending m-line of the offer"},
      {{{"4", TrackSource::Camera, {}}}, "tracks: mid \"4\" is no sending m-line of the offer"},
      {{{"0", TrackSource::Camera, {}}}, "tracks: mid \"0\" is audio and cannot be a camera"},
      {{{"1", TrackSource::Microphone, {}}}, "tracks: mid \"1\" is video and cannot be a microphone"},
      {{{"1", TrackSource::Camera, {}}, {"1", TrackSource::Screen, {}}},
       "tracks: a mid or a source is named twice"},
      {{{"0", TrackSource::Microphone, {}}}, "tracks does not name the sending m-line \"1\""},
      {{}, "tracks does not name the sending m-line \"0\""},
  };
  for (const auto& [tracks, message] : cases) {
    CAPTURE(message);
    Peer peer;
    peer.tracks = tracks;
    const auto result = peer.offer("chromium-simulcast");
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::BadMessage);
    CHECK(result.error().message == message);
  }
}

TEST_CASE("Limits and grants are kept") {
  Peer peer;
  const std::string offer = "chromium-simulcast";
  SECTION("audio slots") {
    peer.limits.audioSlots = 1;
    CHECK(peer.offer(offer).error().code == ErrorCode::TooManySlots);
  }
  SECTION("video slots") {
    peer.limits.videoSlots = 2;
    CHECK(peer.offer(offer).error().message == "more than 2 video slots");
  }
  SECTION("tracks") {
    peer.limits.tracks = 1;
    CHECK(peer.offer(offer).error().code == ErrorCode::TooManyTracks);
  }
  SECTION("simulcast layers") {
    peer.limits.simulcastLayers = 2;
    CHECK(peer.offer(offer).error().code == ErrorCode::TooManyTracks);
  }
  SECTION("publishing") {
    peer.mayPublish = false;
    CHECK(peer.offer(offer).error().code == ErrorCode::Forbidden);
    CHECK(peer.offer("chromium-subscribe-only"));
  }
  SECTION("subscribing") {
    peer.maySubscribe = false;
    CHECK(peer.offer(offer).error().code == ErrorCode::Forbidden);
    CHECK(peer.offer("chromium-plain-sendrecv"));
  }
  CHECK((!peer.agreement || peer.agreement->tracks.size() != 2 || peer.agreement->slots.empty()));
}

TEST_CASE("An offer that only has other codecs is refused by name") {
  Peer peer;
  const auto result = peer.offer("chromium-h264-only");
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::NoCommonCodec);
  CHECK(result.error().line == 8);
  CHECK(result.error().text == "m=video (mid 0)");
}

TEST_CASE("VP9 profiles other than 0 are not taken") {
  Peer peer;
  const auto answer = answerOf(peer.offer("chromium-subscribe-only"));
  const auto& types = answer.media[2].payloadTypes;
  const auto count =
      std::count_if(types.begin(), types.end(), [](const auto& t) { return t.encoding == "VP9"; });
  CHECK(count == 1);
}

TEST_CASE("What a connection cannot do without is asked for") {
  const std::string text = test::readSdp("chromium-simulcast");
  struct Case {
    std::string text, message;
  };
  const std::vector<Case> cases{
      {replacedAll(text, "m=(audio|video)", "m=text"), "the offer has no audio, video or data m-line"},
      {replacedAll(text, "a=fingerprint:sha-256", "a=fingerprint:sha-1"),
       "no sha-256, sha-384 or sha-512 fingerprint"},
      {replacedAll(text, "a=ice-ufrag:.*\r", "a=x\r"), "ice-ufrag and ice-pwd are needed"},
      {replacedAll(text, "a=setup:actpass", "a=setup:passive"),
       "a=setup must be actpass or active: the server is passive"},
      {replaced(text, "a=extmap-allow-mixed", "a=ice-lite"),
       "both ends are ICE-lite, so nobody would connect"},
      {replaced(text, "a=group:BUNDLE 0 1 2 3 4 5 6", "a=group:BUNDLE 0 1 2 3 4 5"),
       "every m-line needs a mid that is in a=group:BUNDLE"},
      {replaced(text, "a=mid:3", "a=x:3"), "every m-line needs a mid that is in a=group:BUNDLE"},
      {replaced(text, "a=rtcp-mux", "a=x"), "a=rtcp-mux is needed"},
      {replaced(text, "a=rid:h send", "a=x"), "a=simulcast names a rid that has no a=rid line"},
      {replaced(text, "a=simulcast:send q;h;f", "a=simulcast:send q;q"), "a=simulcast names a rid twice"},
  };
  for (const auto& [changed, message] : cases) {
    Peer peer;
    const auto result = peer.offerText(changed);
    CAPTURE(message);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::BadSdp);
    CHECK(result.error().message == message);
  }
}

TEST_CASE("More SSRCs of slots that are gone than anyone needs are forgotten") {
  Peer peer;
  const std::string text = test::readSdp("chromium-subscribe-only");
  for (int i = 0; i < 400; ++i) {
    const std::string mid = "m" + std::to_string(i);
    const auto renamed =
        replaced(replaced(text, "a=mid:0", "a=mid:" + mid), "BUNDLE 0 ", "BUNDLE " + mid + " ");
    REQUIRE(peer.offerText(renamed));
    CHECK(peer.agreement->slotSsrcs.size() <= 257);
  }
}

}  // namespace
}  // namespace sotto::signaling
