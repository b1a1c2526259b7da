#include "media/room/StreamBinder.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "media/rtp/RtpPacket.hpp"

using namespace sotto;
using room::StreamBinder;

namespace {

struct Packet {
  std::vector<uint8_t> bytes;
  rtp::RtpPacketView view() const { return *rtp::RtpPacketView::parse(bytes); }
};

Packet packet(uint32_t ssrc, uint8_t payloadType, std::vector<std::pair<uint8_t, std::string>> texts = {}) {
  rtp::RtpHeader header;
  header.ssrc = ssrc;
  header.payloadType = payloadType;
  std::vector<rtp::ExtensionElement> elements;
  for (const auto& [id, text] : texts) {
    elements.push_back({id, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}});
  }
  Packet made;
  made.bytes.resize(100);
  made.bytes.resize(rtp::writeRtpHeader(header, elements, made.bytes));
  return made;
}

control::Track track(const std::string& mid, uint8_t payloadType, uint8_t rtxType) {
  control::Track made;
  made.mid = mid;
  made.kind = control::MediaKind::Video;
  made.codecs = {{"VP8", payloadType, 90'000, rtxType}};
  made.extensions.mid = 1;
  made.extensions.rid = 2;
  made.extensions.repairedRid = 3;
  return made;
}

}  // namespace

TEST_CASE("MID and RID say where a packet belongs, repaired-RID what RTX repairs") {
  StreamBinder binder;
  binder.setTracks({track("cam", 96, 97), track("screen", 96, 97)});
  const Packet media = packet(5, 96, {{1, "screen"}, {2, "h"}});
  const auto bound = binder.bind(media.view());
  REQUIRE(bound);
  CHECK(bound->track == 1);
  CHECK(bound->rid == "h");
  CHECK(!bound->rtx);
  CHECK(bound->codec->name == "VP8");
  const Packet rtx = packet(6, 97, {{1, "cam"}, {3, "q"}});
  const auto repair = binder.bind(rtx.view());
  REQUIRE(repair);
  CHECK(repair->track == 0);
  CHECK(repair->rtx);
  CHECK(repair->rid == "q");
}

TEST_CASE("Without a MID, a=ssrc of the offer says it, and FID what RTX repairs") {
  StreamBinder binder;
  control::Track camera = track("cam", 96, 97), screen = track("screen", 96, 97);
  screen.ssrcs = {{50, 51}};
  binder.setTracks({camera, screen});
  const auto media = binder.bind(packet(50, 96).view());
  REQUIRE(media);
  CHECK(media->track == 1);
  const auto rtx = binder.bind(packet(51, 97).view());
  REQUIRE(rtx);
  CHECK(rtx->rtx);
  CHECK(rtx->repairedSsrc == 50);
}

TEST_CASE("A payload type tells the track only when no other track has it") {
  StreamBinder binder;
  binder.setTracks({track("a", 96, 97), track("b", 98, 99)});
  REQUIRE(binder.bind(packet(7, 98).view()));
  CHECK(binder.bind(packet(7, 98).view())->track == 1);
  binder.setTracks({track("a", 96, 97), track("b", 96, 97)});
  CHECK(!binder.bind(packet(7, 96).view()));
}

TEST_CASE("A MID that names no track of ours, or a payload type that the track has not, binds nothing") {
  StreamBinder binder;
  binder.setTracks({track("a", 96, 97)});
  CHECK(!binder.bind(packet(7, 96, {{1, "z"}}).view()));
  CHECK(!binder.bind(packet(7, 120, {{1, "a"}}).view()));
  CHECK(!binder.bind(packet(7, 120).view()));
}

TEST_CASE("One extension id with two meanings on two lines does not confuse them") {
  StreamBinder binder;
  control::Track first = track("0", 96, 97), second = track("1", 98, 99);
  second.extensions.mid = 2;
  second.extensions.rid = 1;
  binder.setTracks({first, second});
  const Packet ofSecond = packet(7, 98, {{2, "1"}});
  REQUIRE(binder.bind(ofSecond.view()));
  CHECK(binder.bind(ofSecond.view())->track == 1);
}
