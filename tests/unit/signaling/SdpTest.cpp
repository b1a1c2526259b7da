#include "signaling/Sdp.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "World.hpp"

namespace sotto::signaling {
namespace {

const std::string head = "v=0\r\no=- 123 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

sdp::SessionDescription withoutLines(sdp::SessionDescription description) {
  for (auto& media : description.media) media.line = 0;
  return description;
}

TEST_CASE("Every recorded offer is read, and means the same after it has been written") {
  const std::string folder = std::string(SOTTO_TEST_DATA) + "/sdp";
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".sdp") continue;
    CAPTURE(entry.path().string());
    const auto parsed = sdp::parse(test::readSdp(entry.path().stem()));
    REQUIRE(parsed);
    const auto again = sdp::parse(sdp::write(*parsed));
    REQUIRE(again);
    CHECK(withoutLines(*again) == withoutLines(*parsed));
    ++count;
  }
  CHECK(count >= 20);
}

TEST_CASE("Chromium's simulcast offer is taken apart") {
  const auto offer = sdp::parse(test::readSdp("chromium-simulcast"));
  REQUIRE(offer);
  CHECK(offer->bundle == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6"});
  REQUIRE(offer->media.size() == 7);
  const auto& camera = offer->media[1];
  CHECK(camera.kind == "video");
  CHECK(camera.line == 39);
  CHECK(camera.mid == "1");
  CHECK(camera.direction == sdp::Direction::SendOnly);
  CHECK(camera.rtcpMux);
  CHECK(camera.rtcpReducedSize);
  CHECK(camera.setup == "actpass");
  CHECK(camera.iceUfrag == "RYcc");
  CHECK(camera.simulcastSend == std::vector<std::string>{"q", "h", "f"});
  CHECK(camera.rids.size() == 3);
  REQUIRE(camera.payloadType(96) != nullptr);
  CHECK(camera.payloadType(96)->encoding == "VP8");
  CHECK(camera.payloadType(96)->feedback ==
        std::vector<std::string>{"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"});
  CHECK(camera.payloadType(97)->parameter("APT") == "96");
  CHECK(offer->media[0].payloadType(111)->channels == 2);
  CHECK(offer->media[2].direction == sdp::Direction::RecvOnly);
}

TEST_CASE("What Firefox says for the whole session holds for each m-line") {
  const auto offer = sdp::parse(test::readSdp("firefox-simulcast"));
  REQUIRE(offer);
  REQUIRE(offer->media.size() == 7);
  for (const auto& media : offer->media) {
    REQUIRE(media.fingerprints.size() == 1);
    CHECK(media.fingerprints[0].value.substr(0, 5) == "35:1C");
  }
  CHECK(offer->media[1].port == 0);
  CHECK(offer->media[1].bundleOnly);
  CHECK(offer->media[1].ssrcGroups.size() == 3);
  CHECK(offer->media[1].extensions[7].direction == sdp::Direction::SendOnly);
}

TEST_CASE("Feedback for payload types that are gone is left out") {
  const auto offer = sdp::parse(test::readSdp("firefox-vp9-preferred"));
  REQUIRE(offer);
  CHECK(offer->media[1].payloadTypes.size() == 2);
  CHECK(offer->media[1].payloadType(120) == nullptr);
}

TEST_CASE("Feedback for all payload types reaches each of them") {
  const auto parsed = sdp::parse(head +
                                 "m=video 9 UDP/TLS/RTP/SAVPF 96 97\na=rtcp-fb:* nack\n"
                                 "a=rtpmap:96 VP8/90000\na=rtpmap:97 VP9/90000\na=rtcp-fb:97 ccm fir\n");
  REQUIRE(parsed);
  CHECK(parsed->media[0].payloadTypes[0].feedback == std::vector<std::string>{"nack"});
  CHECK(parsed->media[0].payloadTypes[1].feedback == std::vector<std::string>{"nack", "ccm fir"});
}

TEST_CASE("Of simulcast alternatives the first is taken, and the mark of a paused one dropped") {
  const auto parsed =
      sdp::parse(head +
                 "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rid:a send pt=96\na=rid:b send\na=rid:c send\n"
                 "a=simulcast:send ~a,b;c recv x\n");
  REQUIRE(parsed);
  CHECK(parsed->media[0].simulcastSend == std::vector<std::string>{"a", "c"});
  CHECK(parsed->media[0].simulcastReceive == std::vector<std::string>{"x"});
}

TEST_CASE("A line that cannot be read is named") {
  struct Case {
    std::string line, message;
  };
  const std::string media = "m=video 9 UDP/TLS/RTP/SAVPF 96";
  const std::vector<Case> cases{
      {"rubbish", "not of the form x=…"},
      {"a=mid:0\x01", "control character"},
      {"m=video", "expected m=<kind> <port> <protocol> <format> …"},
      {"m=video 70000 RTP/SAVPF 96", "port is not a number in 0..65535"},
      {"a=mid:a b", "a mid is 1..16 letters, digits, '-', '_', '.'"},
      {"a=mid:aaaaaaaaaaaaaaaaa", "a mid is 1..16 letters, digits, '-', '_', '.'"},
      {"a=ice-ufrag:abc", "ice-ufrag is 4..256 characters"},
      {"a=ice-pwd:short", "ice-pwd is 22..256 characters"},
      {"a=fingerprint:sha-256 XY:00", "expected <hash> <XX:XX:…>"},
      {"a=fingerprint:sha-256", "expected <hash> <XX:XX:…>"},
      {"a=rtpmap:128 VP8/90000", "expected a=rtpmap:<0..127> <name>/<clock rate>"},
      {"a=rtpmap:96 VP8/fast", "clock rate or channels are not numbers"},
      {"a=fmtp:x a=b", "expected a=fmtp:<0..127> …"},
      {"a=rtcp-fb:96", "expected a=rtcp-fb:<payload type or *> <feedback>"},
      {"a=rtcp-fb:999 nack", "expected a=rtcp-fb:<payload type or *> <feedback>"},
      {"a=extmap:1", "expected a=extmap:<id>[/direction] <URI>"},
      {"a=extmap:1  urn:x", "expected a=extmap:<id>[/direction] <URI>"},
      {"a=extmap:1/up urn:x", "expected a=extmap:<id>[/direction] <URI>"},
      {"a=rid:q", "expected a=rid:<id> send|recv"},
      {"a=simulcast:send", "expected a=simulcast:send|recv <rid>;…"},
      {"a=simulcast:both q", "expected a=simulcast:send|recv <rid>;…"},
      {"a=simulcast:send q send h", "the same direction stands twice"},
      {"a=simulcast:send \"q\"", "not a rid: \"q\""},
      {"a=ssrc:-1 cname:x", "expected a=ssrc:<number> <attribute>"},
      {"a=ssrc-group:FID", "expected a=ssrc-group:<semantics> <ssrc> …"},
      {"a=ssrc-group:FID 1 4294967296", "an SSRC is a number in 0..4294967295"},
      {"", "not of the form x=…"},
  };
  for (const auto& [line, message] : cases) {
    CAPTURE(line);
    const auto parsed = sdp::parse(head + media + "\r\n" + line + "\r\na=x\r\n");
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().line == 6);
    CHECK(parsed.error().text == line);
    CHECK(parsed.error().message == message);
  }
}

TEST_CASE("A description as a whole can be wrong") {
  CHECK(sdp::parse("").error().message == "empty");
  CHECK(sdp::parse("v=1\r\n").error().message == "expected v=0 first");
  CHECK(sdp::parse("v=0\r\ns=-\r\n").error().message == "no o= line");
  CHECK(sdp::parse("v=0\r\no=- x 1 IN IP4 1.2.3.4\r\n").error().line == 2);
  CHECK(sdp::parse(head + "a=mid:0\r\n").error().message == "a=mid before the first m-line");
  const std::string twice = "m=audio 9 RTP/SAVPF 0\r\na=mid:0\r\n";
  CHECK(sdp::parse(head + twice + twice).error().message == "this mid stands twice");
}

TEST_CASE("A description is bounded in bytes, m-lines and lines of a kind") {
  CHECK(sdp::parse(head + std::string(300'000, 'x')).error().message == "longer than 262144 bytes");
  std::string many = head;
  for (int i = 0; i < 129; ++i) many += "m=audio 9 RTP/SAVPF 0\n";
  CHECK(sdp::parse(many).error().message == "more than 128 m-lines");
  std::string feedback = head + "m=audio 9 RTP/SAVPF 0\n";
  for (int i = 0; i < 1025; ++i) feedback += "a=rtcp-fb:* nack\n";
  CHECK(sdp::parse(feedback).error().message == "more than 1024 a=rtcp-fb lines for one m-line");
  std::string extensions = head + "m=audio 9 RTP/SAVPF 0\n";
  for (int i = 0; i < 65; ++i) extensions += "a=extmap:1 urn:x\n";
  CHECK(sdp::parse(extensions).error().message == "more than 64 a=extmap lines for one m-line");
}

TEST_CASE("A long line is cut in the error that names it") {
  const auto parsed = sdp::parse(head + std::string(5000, 'y'));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().text.size() == 120);
}

}  // namespace
}  // namespace sotto::signaling
