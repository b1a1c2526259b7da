// A SendStream and a ReceiveStream at the two ends of a seeded network, in virtual time.
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "../../support/AllocationCount.hpp"
#include "../frame/FrameSource.hpp"
#include "media/stream/ReceiveStream.hpp"
#include "media/stream/SendStream.hpp"

namespace {

using namespace sotto;
using namespace sotto::stream;
using base::TimeDelta;
using base::Timestamp;

ReceiveStreamOptions receiveOptions(frame::CodecType codec) {
  ReceiveStreamOptions options;
  options.ssrc = 1;
  options.rtxSsrc = 2;
  options.payloadType = 96;
  options.rtxPayloadType = 97;
  options.codec = codec;
  return options;
}
SendStreamOptions sendOptions() {
  SendStreamOptions options;
  options.ssrc = 1;
  options.rtxSsrc = 2;
  options.payloadType = 96;
  options.rtxPayloadType = 97;
  options.firstSequence = 65'000;
  options.extensions.midId = 4;
  options.extensions.mid = "0";
  options.maxRetransmissionRate = base::DataRate::kilobitsPerSecond(20'000);
  return options;
}

/// Copies packets into pooled buffers and lets them arrive late, twice, or never.
struct Network final : PacketSink {
  explicit Network(base::Random& numbers) : random(numbers) {}
  void send(const OutgoingPacket& packet) override {
    if (random.u32() % 1'000 < lossPerMille) return;
    base::PacketRef buffer = pool.acquire();
    base::ByteWriter writer(buffer.storage());
    writer.bytes(packet.header);
    writer.bytes(packet.prefix);
    writer.bytes(packet.payload);
    buffer.setSize(writer.position());
    const Timestamp at = now + delay + TimeDelta::micros(random.u32() % 2'000);
    queue.emplace(at, buffer);
    if (random.u32() % 1'000 < duplicatePerMille) queue.emplace(at + TimeDelta::millis(3), buffer);
  }
  uint16_t nextTransportSequence() override { return 0; }
  template <typename Visitor>
  void deliver(Visitor&& visit) {
    while (!queue.empty() && queue.begin()->first <= now) {
      visit(queue.begin()->second);
      queue.erase(queue.begin());
    }
  }
  base::Random& random;
  base::PacketPool pool;
  std::multimap<Timestamp, base::PacketRef> queue;
  Timestamp now = Timestamp::millis(1'000);
  TimeDelta delay = TimeDelta::millis(30);
  uint32_t lossPerMille = 0;
  uint32_t duplicatePerMille = 0;
};

}  // namespace

TEST_CASE("With NACK and RTX every frame arrives whole over a lossy network", "[stream]") {
  const uint64_t seed = GENERATE(range<uint64_t>(1, 9));
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  frame::FramePool pool;
  test::Vp8Source source(pool, random);
  Network network(random);
  network.lossPerMille = static_cast<uint32_t>(seed % 4) * 35;
  network.duplicatePerMille = 20;
  SendStream sender(sendOptions());
  ReceiveStream receiver(receiveOptions(frame::CodecType::Vp8), pool);
  const TimeDelta rtt = TimeDelta::millis(60);
  receiver.setRtt(rtt);
  std::vector<frame::FrameRef> frames;
  std::multimap<Timestamp, uint16_t> requests;
  size_t out = 0;
  size_t lost = 0, discardableLost = 0;
  int keys = 0;
  bool needKey = true;
  const int total = 300;
  for (int i = 0; i < total + 30; ++i) {
    if (i < total) {
      keys += needKey ? 1 : 0;
      frames.push_back(source.next(needKey, 300 + random.u32() % 8'000));
      const auto rewrite = frame::DescriptorRewrite::passThrough(*frames.back());
      sender.sendFrame(frames.back(), {frames.back()->rtpTimestamp, rewrite}, network.now, network);
    }
    for (int step = 0; step < 33; ++step, network.now = network.now + TimeDelta::millis(1)) {
      network.deliver([&](const base::PacketRef& packet) {
        const auto view = rtp::RtpPacketView::parse(packet.view());
        REQUIRE(view);
        receiver.onPacket(packet, *view, network.now);
      });
      while (const auto frame = receiver.nextFrame(network.now)) {
        bool referenceLost = false;
        while (out < frames.size() && frames[out]->rtpTimestamp != frame->frame->rtpTimestamp) {
          referenceLost = referenceLost || !frames[out]->metadata.discardable;
          discardableLost += frames[out]->metadata.discardable ? 1 : 0;
          ++lost;
          ++out;
        }
        REQUIRE(out < frames.size());
        // A reference is given up for a new key frame alone; nothing that needs it comes after.
        REQUIRE((!referenceLost || frame->frame->metadata.keyFrame));
        REQUIRE(test::sameBytes(frames[out]->payload(), frame->frame->payload()));
        ++out;
      }
      for (const uint16_t sequence : receiver.collectNacks(network.now)) {
        requests.emplace(network.now + TimeDelta::millis(30), sequence);
      }
      while (!requests.empty() && requests.begin()->first <= network.now) {
        sender.onNack(requests.begin()->second, network.now, rtt, network);
        requests.erase(requests.begin());
      }
    }
    needKey = receiver.needKeyFrame();
  }
  const auto& assembler = receiver.assemblerStatistics();
  CHECK(out == frames.size());
  CHECK(assembler.frames + lost == frames.size());
  // Up to 7 % loss no reference is given up: only what nothing needs, and what cannot be decoded without it.
  // Beyond, a whole key frame that was asked for while the last retransmissions were awaited may come first:
  // the picture goes on there, a few frames further, instead of standing still.
  const size_t overtaken = network.lossPerMille <= 70 ? 0 : 6;
  CHECK(assembler.frames + discardableLost + assembler.undecodable + overtaken >= frames.size());
  CHECK(keys <= (network.lossPerMille > 70 ? 6 : 2));
  CHECK(assembler.frames > frames.size() * (network.lossPerMille == 0 ? 99 : 55) / 100);
  if (network.lossPerMille > 0) CHECK(receiver.statistics().recoveredPackets > 20);
}

TEST_CASE("VP9 SVC and Opus go through both streams byte for byte", "[stream]") {
  const frame::CodecType codec = GENERATE(frame::CodecType::Vp9, frame::CodecType::Opus);
  base::SeededRandom random(3);
  frame::FramePool pool;
  test::Vp9Source source(pool, random);
  Network network(random);
  network.delay = TimeDelta::zero();
  network.duplicatePerMille = 300;
  SendStream sender(sendOptions());
  ReceiveStream receiver(receiveOptions(codec), pool);
  for (int i = 0; i < 200; ++i) {
    std::vector<frame::FrameRef> picture;
    if (codec == frame::CodecType::Vp9) {
      picture = source.nextPicture(i % 50 == 0, random.u32() % 4'000);
    } else {
      picture.push_back(test::sealedFrame(pool, random, codec, 60 + random.u32() % 200, {}));
    }
    for (const frame::FrameRef& frame : picture) {
      const auto rewrite = frame::DescriptorRewrite::passThrough(*frame);
      sender.sendFrame(frame, {static_cast<uint32_t>(i) * 960, rewrite}, network.now, network);
    }
    network.now = network.now + TimeDelta::millis(8);
    network.deliver([&](const base::PacketRef& packet) {
      receiver.onPacket(packet, *rtp::RtpPacketView::parse(packet.view()), network.now);
    });
    for (const frame::FrameRef& frame : picture) {
      const auto out = receiver.nextFrame(network.now);
      REQUIRE(out);
      REQUIRE(test::sameBytes(out->frame->payload(), frame->payload()));
      CHECK(out->frame->rtpTimestamp == static_cast<uint32_t>(i) * 960);
    }
    CHECK_FALSE(receiver.nextFrame(network.now));
  }
  CHECK(receiver.statistics().duplicatePackets > 20);
  CHECK(receiver.collectNacks(network.now).empty());
}

TEST_CASE("Foreign payload types and malformed RTX are counted and hold nothing up", "[stream]") {
  base::SeededRandom random(3);
  frame::FramePool pool;
  base::PacketPool packets;
  ReceiveStream receiver(receiveOptions(frame::CodecType::Opus), pool);
  const Timestamp now = Timestamp::millis(50);
  const auto feed = [&](rtp::RtpHeader header, base::ByteView payload) {
    base::PacketRef packet = packets.acquire();
    const size_t size = rtp::writeRtpHeader(header, {}, packet.storage());
    std::copy(payload.begin(), payload.end(), packet.storage().data() + size);
    packet.setSize(size + payload.size());
    return receiver.onPacket(packet, *rtp::RtpPacketView::parse(packet.view()), now);
  };
  const frame::FrameRef frame = test::sealedFrame(pool, random, frame::CodecType::Opus, 80, {});
  const uint8_t one[] = {1};
  CHECK_FALSE(feed({false, 97, 5, 0, 2}, frame->payload()));  // RTX before any media
  CHECK(feed({false, 96, 5, 0, 1}, frame->payload()));
  CHECK_FALSE(feed({false, 13, 6, 0, 1}, frame->payload()));  // comfort noise
  CHECK_FALSE(feed({false, 97, 6, 0, 2}, one));               // RTX without a sequence number
  CHECK_FALSE(feed({false, 97, 7, 0, 2}, {}));                // RTX padding
  CHECK_FALSE(feed({false, 96, 7, 0, 3}, frame->payload()));  // not of this stream
  CHECK(feed({false, 96, 7, 960, 1}, frame->payload()));
  CHECK(receiver.nextFrame(now));
  CHECK(receiver.nextFrame(now));
  CHECK_FALSE(receiver.nextFrame(now));
  CHECK(receiver.statistics().rejectedPackets == 3);
  CHECK(receiver.collectNacks(now).empty());
  const auto block = receiver.reportBlock(now);
  REQUIRE(block);
  CHECK(block->cumulativeLost == 0);
  CHECK(block->highestSequence == 7);
}

TEST_CASE("A received sender report feeds LSR and the clock", "[stream]") {
  frame::FramePool pool;
  ReceiveStream receiver(receiveOptions(frame::CodecType::Vp8), pool);
  const rtp::NtpTime ntp = rtp::NtpTime::fromUnixMicros(1'700'000'000'000'000);
  receiver.onSenderReport({1, ntp, 90'000, 0, 0}, Timestamp::millis(5));
  CHECK(receiver.clock().toNtp(90'000) == ntp);
}

TEST_CASE("Sending, retransmitting and receiving allocate nothing once warm", "[stream]") {
  base::SeededRandom random(5);
  frame::FramePool pool;
  base::PacketPool packets;
  test::Vp8Source source(pool, random);
  SendStream sender(sendOptions());
  ReceiveStream receiver(receiveOptions(frame::CodecType::Vp8), pool);
  Timestamp now = Timestamp::millis(1'000);
  /// Hands packets straight over, but for every tenth on the media stream.
  struct Wire final : PacketSink {
    Wire(ReceiveStream& to, base::PacketPool& from, Timestamp& clock)
        : receiver(to), pool(from), time(clock) {}
    void send(const OutgoingPacket& packet) override {
      if (!packet.retransmission && ++count % 10 == 0) return;
      const base::PacketRef buffer = pool.acquire();
      base::ByteWriter writer(buffer.storage());
      writer.bytes(packet.header);
      writer.bytes(packet.prefix);
      writer.bytes(packet.payload);
      buffer.setSize(writer.position());
      receiver.onPacket(buffer, *rtp::RtpPacketView::parse(buffer.view()), time);
    }
    uint16_t nextTransportSequence() override { return 0; }
    ReceiveStream& receiver;
    base::PacketPool& pool;
    Timestamp& time;
    int count = 0;
  } wire(receiver, packets, now);
  size_t received = 0;
  const auto cycle = [&](int i) {
    const frame::FrameRef frame = source.next(i == 0, 2'100 + random.u32() % 1'800);  // one size class
    const auto rewrite = frame::DescriptorRewrite::passThrough(*frame);
    sender.sendFrame(frame, {frame->rtpTimestamp, rewrite}, now, wire);
    for (int step = 0; step < 3; ++step) {
      for (const uint16_t sequence : receiver.collectNacks(now)) {
        sender.onNack(sequence, now, TimeDelta::millis(20), wire);
      }
      while (receiver.nextFrame(now)) ++received;
      now = now + TimeDelta::millis(11);
    }
  };
  for (int i = 0; i < 300; ++i) cycle(i);
  const size_t before = test::allocationCount;
  const size_t receivedBefore = received;
  for (int i = 300; i < 1'500; ++i) cycle(i);
  CHECK(test::allocationCount == before);
  CHECK(received - receivedBefore > 1'000);
  CHECK(sender.statistics().retransmittedPackets > 100);
}
