#include "media/stream/SendStream.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "../frame/FrameSource.hpp"
#include "media/rtp/HeaderExtensions.hpp"
#include "media/rtp/Rtx.hpp"

namespace {

using namespace sotto;
using namespace sotto::stream;
using base::TimeDelta;
using base::Timestamp;

struct Recorder final : PacketSink {
  struct Sent {
    std::vector<uint8_t> bytes;
    bool retransmission = false;
    rtp::RtpPacketView view() const { return *rtp::RtpPacketView::parse(bytes); }
  };
  void send(const OutgoingPacket& packet) override {
    Sent sent;
    for (const base::ByteView part : {packet.header, packet.prefix, packet.payload}) {
      sent.bytes.insert(sent.bytes.end(), part.begin(), part.end());
    }
    sent.retransmission = packet.retransmission;
    packets.push_back(std::move(sent));
  }
  uint16_t nextTransportSequence() override { return transportSequence++; }
  std::vector<Sent> packets;
  uint16_t transportSequence = 500;
};

SendStreamOptions someOptions() {
  SendStreamOptions options;
  options.ssrc = 0x1111;
  options.rtxSsrc = 0x2222;
  options.payloadType = 96;
  options.rtxPayloadType = 97;
  options.firstSequence = 65'530;  // wraps soon
  options.firstRtxSequence = 65'535;
  options.extensions.midId = 4;
  options.extensions.mid = "3";
  options.extensions.ridId = 10;
  options.extensions.repairedRidId = 11;
  options.extensions.rid = "hi";
  options.extensions.transportCcId = 3;
  return options;
}

struct Fixture {
  base::SeededRandom random{1};
  frame::FramePool pool;
  test::Vp8Source source{pool, random};
  SendStream stream{someOptions()};
  Recorder sink;
  Timestamp now = Timestamp::millis(1'000);
  uint32_t timestamp = 1'000;

  size_t send(size_t size, bool key = false) {
    const frame::FrameRef frame = source.next(key, size);
    return stream.sendFrame(frame, {timestamp += 3'000, frame::DescriptorRewrite::passThrough(*frame)}, now,
                            sink);
  }
};

}  // namespace

TEST_CASE("Sequence numbers are contiguous over frames and packets of a frame have one size", "[send]") {
  Fixture f;
  uint16_t expected = 65'530;
  uint16_t transport = 500;
  for (int i = 0; i < 20; ++i) {
    f.sink.packets.clear();
    const size_t count = f.send(i * 700U, i == 0);
    REQUIRE(f.sink.packets.size() == count);
    for (size_t p = 0; p < count; ++p) {
      const auto view = f.sink.packets[p].view();
      CHECK(view.sequenceNumber == expected++);
      CHECK(view.timestamp == f.timestamp);
      CHECK(view.ssrc == 0x1111);
      CHECK(view.payloadType == 96);
      CHECK(view.marker == (p + 1 == count));
      CHECK(rtp::parseTransportSequence(*view.extension(3)) == transport++);
      CHECK(view.packet().size() <= f.stream.options().maxPacketSize - rtp::rtxHeaderSize);
      if (p + 1 < count) CHECK(view.packet().size() == f.sink.packets[0].bytes.size());
    }
  }
  CHECK(f.stream.nextSequence() == expected);
}

TEST_CASE("The announced wire size is what is sent", "[send]") {
  Fixture f;
  for (const size_t size : {100U, 1'100U, 1'200U, 5'000U, 60'000U}) {
    const frame::FrameRef frame = f.source.next(size == 100U, size);
    const auto rewrite = frame::DescriptorRewrite::passThrough(*frame);
    const uint64_t before = f.stream.statistics().bytes;
    const size_t announced = f.stream.wireSize(*frame, rewrite);
    f.stream.sendFrame(frame, {0, rewrite}, f.now, f.sink);
    CHECK(f.stream.statistics().bytes - before == announced);
  }
}

TEST_CASE("MID and RID are on every packet until the first receiver report", "[send]") {
  Fixture f;
  f.send(3'000, true);
  for (const auto& packet : f.sink.packets) {
    CHECK(packet.view().extensionText(4) == "3");
    CHECK(packet.view().extensionText(10) == "hi");
    CHECK_FALSE(packet.view().extension(11));
  }
  REQUIRE(f.stream.onNack(65'530, f.now, TimeDelta::millis(50), f.sink));
  CHECK(f.sink.packets.back().view().extensionText(11) == "hi");
  CHECK_FALSE(f.sink.packets.back().view().extension(10));
  f.stream.onReceiverReport();
  f.sink.packets.clear();
  f.send(3'000);
  for (const auto& packet : f.sink.packets) {
    CHECK_FALSE(packet.view().extension(4));
    CHECK_FALSE(packet.view().extension(10));
    CHECK(packet.view().extension(3));
  }
}

TEST_CASE("An audio frame carries its level", "[send]") {
  Fixture f;
  SendStreamOptions options = someOptions();
  options.extensions.audioLevelId = 1;
  SendStream stream(options);
  const frame::FrameRef frame = test::sealedFrame(f.pool, f.random, frame::CodecType::Opus, 100, {});
  frame->audioLevel = 42;
  frame->voiceActivity = true;
  CHECK(stream.sendFrame(frame, {}, f.now, f.sink) == 1);
  const auto view = f.sink.packets.back().view();
  CHECK(rtp::parseAudioLevel(*view.extension(1)) == rtp::AudioLevel{42, true});
  CHECK_FALSE(view.marker);
  CHECK(test::sameBytes(view.payload(), frame->payload()));
}

TEST_CASE("A packet asked for again is the same packet on the RTX stream", "[send]") {
  Fixture f;
  for (int i = 0; i < 10; ++i) f.send(200 + i * 800U, i == 0);
  const auto sent = f.sink.packets;
  uint16_t rtxSequence = 65'535;
  for (const auto& original : sent) {
    f.now = f.now + TimeDelta::millis(20);
    f.sink.packets.clear();
    REQUIRE(f.stream.onNack(original.view().sequenceNumber, f.now, TimeDelta::millis(30), f.sink));
    REQUIRE(f.sink.packets.size() == 1);
    CHECK(f.sink.packets[0].retransmission);
    const auto again = f.sink.packets[0].view();
    CHECK(again.ssrc == 0x2222);
    CHECK(again.payloadType == 97);
    CHECK(again.sequenceNumber == rtxSequence++);
    CHECK(again.timestamp == original.view().timestamp);
    CHECK(again.marker == original.view().marker);
    CHECK(again.packet().size() <= f.stream.options().maxPacketSize);
    const auto rtx = rtp::parseRtx(again.payload());
    REQUIRE(rtx);
    CHECK(rtx->originalSequence == original.view().sequenceNumber);
    CHECK(test::sameBytes(rtx->payload, original.view().payload()));
  }
}

TEST_CASE("A packet is not sent again within a round trip of its last copy", "[send]") {
  Fixture f;
  f.send(500, true);
  const TimeDelta rtt = TimeDelta::millis(80);
  CHECK(f.stream.onNack(65'530, f.now, rtt, f.sink));
  CHECK_FALSE(f.stream.onNack(65'530, f.now, rtt, f.sink));
  f.now = f.now + TimeDelta::millis(79);
  CHECK_FALSE(f.stream.onNack(65'530, f.now, rtt, f.sink));
  f.now = f.now + TimeDelta::millis(1);
  CHECK(f.stream.onNack(65'530, f.now, rtt, f.sink));
  CHECK(f.stream.statistics().nacksSuppressed == 2);
  CHECK(f.stream.statistics().retransmittedPackets == 2);
}

TEST_CASE("What was never sent, or long ago, cannot be asked for", "[send]") {
  Fixture f;
  f.send(500, true);
  CHECK_FALSE(f.stream.onNack(65'531, f.now, TimeDelta::millis(10), f.sink));
  CHECK_FALSE(f.stream.onNack(65'529, f.now, TimeDelta::millis(10), f.sink));
  f.now = f.now + SendStream::historyAge + TimeDelta::millis(1);
  CHECK_FALSE(f.stream.onNack(65'530, f.now, TimeDelta::millis(10), f.sink));
  CHECK(f.stream.statistics().nacksUnknown == 3);
}

TEST_CASE("Frames leave the history, and go back to their pool", "[send]") {
  Fixture f;
  for (int i = 0; i < 3'000; ++i) f.send(300, i == 0);  // at one instant: bounded by number
  CHECK(f.pool.allocated() <= SendStream::historyFrames + 2);
  const uint16_t last = static_cast<uint16_t>(f.stream.nextSequence() - 1);
  CHECK(f.stream.onNack(last, f.now, TimeDelta::millis(10), f.sink));
  const uint16_t oldest = static_cast<uint16_t>(last - (SendStream::historyFrames - 1));
  CHECK(f.stream.onNack(oldest, f.now, TimeDelta::millis(10), f.sink));
  CHECK_FALSE(f.stream.onNack(static_cast<uint16_t>(oldest - 1), f.now, TimeDelta::millis(10), f.sink));
}

TEST_CASE("Without an RTX stream nothing is sent again", "[send]") {
  Fixture f;
  SendStreamOptions options = someOptions();
  options.rtxSsrc = 0;
  SendStream stream(options);
  stream.sendFrame(f.source.next(true, 500), {}, f.now, f.sink);
  CHECK_FALSE(stream.onNack(65'530, f.now, TimeDelta::millis(10), f.sink));
}

TEST_CASE("Retransmissions stay below their rate", "[send]") {
  Fixture f;
  f.stream.setMaxRetransmissionRate(base::DataRate::kilobitsPerSecond(1'000));
  size_t bytes = 0;
  const Timestamp start = f.now;
  while (f.now - start < TimeDelta::seconds(5)) {
    const uint16_t first = f.stream.nextSequence();
    const size_t count = f.send(10'000, f.now == start);
    f.sink.packets.clear();
    for (size_t i = 0; i < count; ++i) {
      f.stream.onNack(static_cast<uint16_t>(first + i), f.now, TimeDelta::millis(10), f.sink);
    }
    for (const auto& packet : f.sink.packets) bytes += packet.bytes.size();
    f.now = f.now + TimeDelta::millis(33);
  }
  CHECK(bytes <= 125'000 * 5 + 125'000 / 4 + 2'000);
  CHECK(bytes > 125'000 * 4);
}

TEST_CASE("A sender report counts what was sent and carries the timestamp on", "[send]") {
  Fixture f;
  const rtp::NtpTime ntp = rtp::NtpTime::fromUnixMicros(1'700'000'000'000'000);
  CHECK_FALSE(f.stream.senderReport(ntp, f.now));
  const size_t packets = f.send(5'000, true);
  f.now = f.now + TimeDelta::millis(500);
  const auto report = f.stream.senderReport(ntp, f.now);
  REQUIRE(report);
  CHECK(report->ssrc == 0x1111);
  CHECK(report->ntp == ntp);
  CHECK(report->rtpTimestamp == f.timestamp + 45'000);
  CHECK(report->packetCount == packets);
  size_t octets = 0;
  for (const auto& packet : f.sink.packets) octets += packet.view().payload().size();
  CHECK(report->octetCount == octets);
}

TEST_CASE("A slot that changes its codec retransmits each packet with the type it had", "[send]") {
  Fixture f;
  f.send(500, true);
  f.stream.setPayloadTypes(98, 99);
  f.send(500);
  CHECK(f.sink.packets.back().view().payloadType == 98);
  REQUIRE(f.stream.onNack(65'530, f.now, TimeDelta::millis(10), f.sink));
  CHECK(f.sink.packets.back().view().payloadType == 97);
  REQUIRE(f.stream.onNack(65'531, f.now, TimeDelta::millis(10), f.sink));
  CHECK(f.sink.packets.back().view().payloadType == 99);
}
