#include "client/native/rtc/PeerConnection.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "media/rtp/RtcpKeyFrameRequest.hpp"
#include "media/rtp/RtcpNack.hpp"
#include "media/rtp/RtcpPacket.hpp"
#include "media/rtp/RtcpReport.hpp"
#include "media/rtp/Vp8Descriptor.hpp"
#include "tests/unit/rtc/ServerPeer.hpp"

namespace sotto::client::rtc {
namespace {

using base::TimeDelta;
using base::Timestamp;
using control::MediaKind;

/// A client and a server with nothing between them, in virtual time.
class Pair : public PeerConnectionObserver {
 public:
  Pair()
      : certificate(dtls::Certificate::generate()),
        client(certificate, frame::TrailerPolicy::None, random, out, *this) {}

  void onConnected() override { ++connected; }
  void onFailed(const std::string& reason) override { failure = reason; }
  void onKeyFrameWanted(const std::string& mid, size_t layer) override { keyFrames.push_back({mid, layer}); }
  void onFrame(const ReceivedFrame& frame) override {
    const base::ByteView payload = frame.frame.payload();
    frames.push_back({payload.begin(), payload.end()});
    frameMids.push_back(frame.mid);
  }

  /// Lets everything that is under way arrive, and time pass.
  void run(TimeDelta duration) {
    const Timestamp end = now + duration;
    for (; now < end; now = now + TimeDelta::millis(5)) {
      client.onTime(now);
      exchange();
    }
  }
  void exchange() {
    for (int rounds = 0; rounds < 50 && !(out.empty() && server.out().empty()); ++rounds) {
      std::vector<std::vector<uint8_t>> up, down;
      out.forEachDatagram(
          [&](const auto&, base::ByteView bytes) { up.emplace_back(bytes.begin(), bytes.end()); });
      out.clear();
      for (auto& datagram : up) server.onDatagram(datagram, clientAddress, now);
      server.out().forEachDatagram([&](const base::SocketAddress& to, base::ByteView bytes) {
        if (to == clientAddress) down.emplace_back(bytes.begin(), bytes.end());
      });
      server.out().clear();
      if (!serverSilent) {
        for (auto& datagram : down) client.onDatagram(datagram, ServerPeer::address(), now);
      }
    }
  }
  void connect(std::vector<signaling::NamedTrack> tracks) {
    const auto applied = client.applyAnswer(server.answer(client.createOffer(), std::move(tracks)), now);
    if (!applied) FAIL(applied.error().message);
    run(TimeDelta::seconds(1));
    REQUIRE(client.state() == ConnectionState::Connected);
    REQUIRE(server.connected());
  }
  FrameToSend video(base::ByteView data, bool keyFrame) const {
    FrameToSend frame;
    frame.data = data;
    frame.metadata.video = true;
    frame.metadata.keyFrame = keyFrame;
    frame.captureTime = now;
    return frame;
  }

  Timestamp now = Timestamp::millis(10'000);
  base::SeededRandom random{1};
  base::DatagramBatch out{1 << 20};
  dtls::Certificate certificate;
  base::SocketAddress clientAddress = base::SocketAddress::v4(127, 0, 0, 1, 50'000);
  ServerPeer server;
  bool serverSilent = false;
  int connected = 0;
  std::string failure;
  std::vector<std::pair<std::string, size_t>> keyFrames;
  std::vector<std::vector<uint8_t>> frames;
  std::vector<std::string> frameMids;
  PeerConnection client;
};

const TrackSettings camera{MediaKind::Video, frame::CodecType::Vp8, {"q", "h", "f"}};
const TrackSettings microphone{MediaKind::Audio, frame::CodecType::Opus, {}};
const signaling::NamedTrack cameraName{"0", control::TrackSource::Camera, false};

/// One VP8 frame in one packet, as the server would send it into a slot.
void sendVp8(Pair& pair, const control::Slot& slot, uint16_t sequence, uint32_t timestamp, uint8_t pictureId,
             bool keyFrame) {
  rtp::RtpHeader header;
  header.marker = true;
  header.payloadType = slot.codecs.front().payloadType;
  header.sequenceNumber = sequence;
  header.timestamp = timestamp;
  header.ssrc = slot.ssrc;
  std::array<uint8_t, 64> head;
  const size_t headSize = rtp::writeRtpHeader(header, {}, head);
  rtp::Vp8Descriptor descriptor;
  descriptor.startOfPartition = true;
  descriptor.pictureId = pictureId;
  descriptor.tl0PicIdx = pictureId;
  descriptor.temporalId = 0;
  std::vector<uint8_t> payload(100);
  const size_t size = rtp::writeVp8Descriptor(descriptor, payload);
  const std::array<uint8_t, 10> frame{
      static_cast<uint8_t>(keyFrame ? 0x10 : 0x11), 2, 0, 0x9D, 1, 0x2A, 64, 0, 48, 0};
  std::copy(frame.begin(), frame.end(), payload.begin() + static_cast<std::ptrdiff_t>(size));
  pair.server.sendRtp(base::ByteView(head).first(headSize), payload);
}

}  // namespace

TEST_CASE("A client connects to a server over ICE, DTLS and SRTP") {
  Pair pair;
  pair.client.addTrack(camera);
  pair.client.addSlot(MediaKind::Audio);
  pair.client.addSlot(MediaKind::Video);
  pair.connect({cameraName});
  CHECK(pair.connected == 1);
  CHECK(pair.failure.empty());
  REQUIRE(pair.server.agreement().tracks.size() == 1);
  CHECK(pair.server.agreement().tracks[0].rids == std::vector<std::string>{"q", "h", "f"});
  CHECK(pair.server.agreement().slots.size() == 2);
}

TEST_CASE("Each simulcast layer goes out on its own SSRC with mid and rid until the first report") {
  Pair pair;
  pair.client.addTrack(camera);
  pair.connect({cameraName});
  std::vector<uint8_t> data(3'000, 0x10);
  for (size_t layer = 0; layer < 3; ++layer) {
    REQUIRE(pair.client.sendFrame("0", layer, pair.video(data, true), pair.now));
  }
  pair.exchange();
  const control::HeaderExtensionIds ids = pair.server.agreement().tracks[0].extensions;
  std::map<uint32_t, std::string> rids;
  for (const auto& bytes : pair.server.rtp) {
    const auto packet = rtp::RtpPacketView::parse(bytes);
    REQUIRE(packet);
    CHECK(packet->extensionText(ids.mid) == "0");
    rids[packet->ssrc] = packet->extensionText(ids.rid);
  }
  std::vector<std::string> seen;
  for (const auto& [ssrc, rid] : rids) seen.push_back(rid);
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<std::string>{"f", "h", "q"});

  std::array<uint8_t, 100> report;
  rtp::ReportBlock block;
  block.ssrc = rids.begin()->first;
  const size_t size = rtp::writeReceiverReport(7, std::array{block}, report);
  pair.server.sendRtcp(base::ByteView(report).first(size));
  pair.exchange();
  pair.server.rtp.clear();
  for (size_t layer = 0; layer < 3; ++layer) {
    pair.client.sendFrame("0", layer, pair.video(data, false), pair.now);
  }
  pair.exchange();
  for (const auto& bytes : pair.server.rtp) {
    const auto packet = rtp::RtpPacketView::parse(bytes);
    CHECK(packet->extensionText(ids.mid).empty() == (packet->ssrc == block.ssrc));
  }
}

TEST_CASE("The timestamps of all layers count the same time") {
  Pair pair;
  pair.client.addTrack(camera);
  pair.connect({cameraName});
  std::vector<uint8_t> data(100, 0x10);
  const auto stamp = [&](size_t layer) {
    pair.server.rtp.clear();
    REQUIRE(pair.client.sendFrame("0", layer, pair.video(data, true), pair.now));
    pair.exchange();
    return rtp::RtpPacketView::parse(pair.server.rtp.at(0))->timestamp;
  };
  const uint32_t first[2] = {stamp(0), stamp(2)};
  pair.now = pair.now + TimeDelta::millis(500);
  CHECK(stamp(0) - first[0] == 45'000);
  CHECK(stamp(2) - first[1] == 45'000);
}

TEST_CASE("A lost packet is sent again on the RTX stream when it is asked for") {
  Pair pair;
  pair.client.addTrack(camera);
  pair.connect({cameraName});
  std::vector<uint8_t> data(100, 0x10);
  pair.client.sendFrame("0", 1, pair.video(data, true), pair.now);
  pair.exchange();
  const auto sent = rtp::RtpPacketView::parse(pair.server.rtp.at(0)).value();
  pair.server.rtp.clear();
  std::array<uint8_t, 64> nack;
  const size_t size = rtp::writeNack(7, sent.ssrc, std::array{sent.sequenceNumber}, nack);
  pair.now = pair.now + TimeDelta::millis(100);
  pair.server.sendRtcp(base::ByteView(nack).first(size));
  pair.exchange();
  REQUIRE(pair.server.rtp.size() == 1);
  const auto again = rtp::RtpPacketView::parse(pair.server.rtp[0]).value();
  CHECK(again.ssrc != sent.ssrc);
  CHECK(again.extensionText(pair.server.agreement().tracks[0].extensions.repairedRid) == "h");
  CHECK(base::loadU16(again.payload().data()) == sent.sequenceNumber);
  CHECK(pair.client.statistics().layers[1].retransmitted == 1);
}

TEST_CASE("A key frame request reaches the layer that it names, and a repeated FIR counts once") {
  Pair pair;
  pair.client.addTrack(camera);
  pair.connect({cameraName});
  const uint32_t ssrc = pair.client.statistics().layers[2].ssrc;
  std::array<uint8_t, 64> packet;
  pair.server.sendRtcp(base::ByteView(packet).first(rtp::writePli({7, ssrc}, packet)));
  for (uint8_t sequence : {uint8_t{4}, uint8_t{4}, uint8_t{5}}) {
    pair.server.sendRtcp(base::ByteView(packet).first(rtp::writeFir(7, ssrc, sequence, packet)));
  }
  pair.server.sendRtcp(base::ByteView(packet).first(rtp::writePli({7, ssrc + 1}, packet)));
  pair.exchange();
  using Wanted = std::pair<std::string, size_t>;
  CHECK(pair.keyFrames == std::vector<Wanted>(3, Wanted{"0", 2}));
}

TEST_CASE("A slot hands on frames in order and asks for what is missing") {
  Pair pair;
  pair.client.addSlot(MediaKind::Video);
  pair.connect({});
  const control::Slot slot = pair.server.agreement().slots.at(0);
  sendVp8(pair, slot, 100, 0, 1, true);
  sendVp8(pair, slot, 102, 6'000, 3, false);
  pair.server.rtcp.clear();
  pair.run(TimeDelta::millis(100));
  REQUIRE(pair.frames.size() == 1);
  CHECK(pair.frameMids[0] == "0");
  bool asked = false;
  for (const auto& bytes : pair.server.rtcp) {
    rtp::RtcpReader reader(bytes);
    while (const auto packet = reader.next()) {
      if (!packet->isFeedback(rtp::RtcpType::TransportFeedback, rtp::fmtNack)) continue;
      rtp::NackView::parse(*packet)->forEach([&](uint16_t sequence) { asked |= sequence == 101; });
    }
  }
  CHECK(asked);
  sendVp8(pair, slot, 101, 3'000, 2, false);
  pair.exchange();
  CHECK(pair.frames.size() == 3);
}

TEST_CASE("A gap that lasts makes the slot ask for a key frame") {
  Pair pair;
  pair.client.addSlot(MediaKind::Video);
  pair.connect({});
  const control::Slot slot = pair.server.agreement().slots.at(0);
  sendVp8(pair, slot, 100, 0, 1, true);
  sendVp8(pair, slot, 102, 6'000, 3, false);
  pair.run(TimeDelta::seconds(1));
  CHECK(pair.frames.size() == 1);
  CHECK(pair.client.statistics().slots[0].keyFrameRequests >= 1);
  sendVp8(pair, slot, 103, 9'000, 4, true);
  pair.run(TimeDelta::millis(50));
  CHECK(pair.frames.size() == 2);
}

TEST_CASE("Reports say how the clocks of the layers stand, and what was received") {
  Pair pair;
  pair.client.addTrack(microphone);
  pair.client.addSlot(MediaKind::Video);
  pair.connect({{"0", control::TrackSource::Microphone, false}});
  FrameToSend frame;
  const std::array<uint8_t, 3> opus{0x78, 1, 2};
  frame.data = opus;
  frame.captureTime = pair.now;
  pair.client.sendFrame("0", 0, frame, pair.now);
  sendVp8(pair, pair.server.agreement().slots.at(0), 100, 0, 1, true);
  pair.exchange();
  pair.server.rtcp.clear();
  pair.run(TimeDelta::seconds(1));
  bool sender = false, receiver = false;
  for (const auto& bytes : pair.server.rtcp) {
    rtp::RtcpReader reader(bytes);
    while (const auto packet = reader.next()) {
      if (!packet->is(rtp::RtcpType::SenderReport)) continue;
      const auto report = rtp::parseSenderReport(*packet);
      REQUIRE(report);
      sender |= report->report.packetCount == 1;
      receiver |= report->blocks.count == 1 && report->blocks.blocks[0].highestSequence % 65'536 == 100;
    }
    CHECK_FALSE(reader.error());
  }
  CHECK(sender);
  CHECK(receiver);
}

TEST_CASE("A track can be added and removed by offering again on the same connection") {
  Pair pair;
  pair.client.addTrack(microphone);
  pair.connect({{"0", control::TrackSource::Microphone, false}});
  const std::string screen = pair.client.addTrack({MediaKind::Video, frame::CodecType::Vp9, {}});
  std::vector<uint8_t> data(100, 0x82);
  CHECK_FALSE(pair.client.sendFrame(screen, 0, pair.video(data, true), pair.now));
  const auto applied = pair.client.applyAnswer(
      pair.server.answer(pair.client.createOffer(), {{"0", control::TrackSource::Microphone, false},
                                                     {screen, control::TrackSource::Screen, false}}),
      pair.now);
  REQUIRE(applied);
  CHECK(pair.client.sendFrame(screen, 0, pair.video(data, true), pair.now));
  pair.client.removeTrack(screen);
  REQUIRE(pair.client.applyAnswer(
      pair.server.answer(pair.client.createOffer(), {{"0", control::TrackSource::Microphone, false}}),
      pair.now));
  CHECK_FALSE(pair.client.sendFrame(screen, 0, pair.video(data, true), pair.now));
  CHECK(pair.server.agreement().tracks.size() == 1);
  CHECK(pair.connected == 1);
}

TEST_CASE("An ICE restart goes on over the same DTLS connection") {
  Pair pair;
  pair.client.addTrack(microphone);
  pair.connect({{"0", control::TrackSource::Microphone, false}});
  const std::string before = pair.server.agreement().ice.remoteUfrag;
  pair.client.restartIce();
  pair.clientAddress.port = 50'001;
  REQUIRE(pair.client.applyAnswer(
      pair.server.answer(pair.client.createOffer(), {{"0", control::TrackSource::Microphone, false}}),
      pair.now));
  CHECK(pair.server.agreement().ice.remoteUfrag != before);
  pair.run(TimeDelta::seconds(1));
  CHECK(pair.server.selected() == pair.clientAddress);
  CHECK(pair.client.state() == ConnectionState::Connected);
  CHECK(pair.connected == 1);
}

TEST_CASE("A server that falls silent is noticed, and one that says goodbye at once") {
  Pair pair;
  pair.client.addSlot(MediaKind::Audio);
  pair.connect({});
  SECTION("silence") {
    pair.serverSilent = true;
    pair.run(TimeDelta::seconds(40));
    CHECK(pair.failure == "the server does not answer over UDP any more");
  }
  SECTION("goodbye") {
    pair.server.close();
    pair.exchange();
    CHECK(pair.failure == "the server closed the media connection");
  }
  CHECK(pair.client.state() == ConnectionState::Failed);
}

TEST_CASE("A server that cannot be reached is told") {
  Pair pair;
  pair.client.addSlot(MediaKind::Audio);
  REQUIRE(pair.client.applyAnswer(pair.server.answer(pair.client.createOffer(), {}), pair.now));
  pair.serverSilent = true;
  pair.run(TimeDelta::seconds(60));
  CHECK(pair.failure == "the server cannot be reached over UDP");
}

TEST_CASE("Rubbish from the network is counted and changes nothing") {
  Pair pair;
  pair.client.addSlot(MediaKind::Video);
  pair.connect({});
  base::SeededRandom random(99);
  for (size_t i = 0; i < 2'000; ++i) {
    std::vector<uint8_t> datagram(random.u32() % 300);
    random.fill(datagram);
    if (!datagram.empty() && i % 3 == 0) datagram[0] = 0x80;
    pair.client.onDatagram(datagram, ServerPeer::address(), pair.now);
  }
  CHECK(pair.client.state() == ConnectionState::Connected);
  CHECK(pair.client.statistics().datagramsRejected > 0);
  CHECK(pair.frames.empty());
}

TEST_CASE("An answer that does not fit the offer is refused with the reason") {
  Pair pair;
  pair.client.addSlot(MediaKind::Audio);
  const std::string offer = pair.client.createOffer();
  const std::string answer = pair.server.answer(offer, {});
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = answer;
    const size_t at = changed.find(from);
    REQUIRE(at != std::string::npos);
    return pair.client.applyAnswer(changed.replace(at, from.size(), to), pair.now).error().message;
  };
  CHECK_THAT(with("a=setup:passive", "a=setup:active"), Catch::Contains("passive"));
  CHECK_THAT(with("a=mid:0", "a=mid:7"), Catch::Contains("mid"));
  CHECK_THAT(pair.client.applyAnswer("v=1", pair.now).error().message, Catch::Contains("SDP"));
}

}  // namespace sotto::client::rtc
