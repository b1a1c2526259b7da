// How packets become frames, and what of them is refused.
#include "media/frame/FrameAssembler.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "../../support/AllocationCount.hpp"
#include "Vp8Call.hpp"

namespace {

using namespace sotto;
using namespace sotto::frame;
using base::TimeDelta;
using base::Timestamp;
using test::optionsFor;
using test::Vp8Call;
using Inserted = FrameAssembler::Inserted;

}  // namespace

TEST_CASE("A shuffled VP8 frame comes out byte for byte, with all that its descriptor said", "[assembler]") {
  const uint64_t seed = GENERATE(1U, 2U, 3U, 4U);
  INFO("seed " << seed);
  Vp8Call call(seed);
  call.insert(call.encode(true));
  REQUIRE(call.pop() == 0);
  for (int round = 1; round < 200; ++round) {
    auto packets = call.encode(round % 30 == 0, call.random.u32() % 20'000);
    for (size_t i = packets.size(); i > 1; --i) std::swap(packets[i - 1], packets[call.random.u32() % i]);
    for (size_t i = 0; i + 1 < packets.size(); ++i) {
      CHECK(call.assembler.insert(packets[i], call.now) == Inserted::Stored);
      CHECK(call.assembler.insert(packets[i], call.now) == Inserted::Duplicate);
      CHECK(call.pop() == -1);
    }
    call.assembler.insert(packets.back(), call.now);
    REQUIRE(call.pop() == round);
    const Frame& out = *call.last->frame;
    const Frame& in = *call.frames[static_cast<size_t>(round)];
    CHECK(test::sameBytes(out.payload(), in.payload()));
    CHECK(out.sealed);
    CHECK(out.metadata == in.metadata);
    CHECK(out.codecInfo.pictureId == in.codecInfo.pictureId);
    CHECK(out.codecInfo.tl0PicIdx == in.codecInfo.tl0PicIdx);
    CHECK(out.codecInfo.temporalId == in.codecInfo.temporalId);
    CHECK(out.codecInfo.layerSync == in.codecInfo.layerSync);
    CHECK(out.codecInfo.nonReference == in.codecInfo.nonReference);
    CHECK(out.codecInfo.keyIndex == in.codecInfo.keyIndex);
    CHECK(out.codecInfo.endOfPicture);
    CHECK_FALSE(call.last->afterGap);
    CHECK(call.assembler.nextDeadline() == Timestamp::plusInfinity());
  }
}

TEST_CASE("VP9 spatial layers come out one by one, each with its own trailer", "[assembler]") {
  const uint64_t seed = GENERATE(1U, 2U, 3U);
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  FramePool pool;
  test::Vp9Source source(pool, random);
  test::PacketMaker maker;
  FrameAssembler assembler(optionsFor(CodecType::Vp9), pool);
  const Timestamp now = Timestamp::millis(5);
  for (int round = 0; round < 100; ++round) {
    const auto picture = source.nextPicture(round % 25 == 0, random.u32() % 3'000);
    std::vector<MediaPacket> packets;
    for (const FrameRef& layer : picture) {
      for (MediaPacket& packet : maker.packets(*layer)) packets.push_back(std::move(packet));
    }
    for (size_t i = packets.size(); i > 1; --i) std::swap(packets[i - 1], packets[random.u32() % i]);
    for (const MediaPacket& packet : packets) assembler.insert(packet, now);
    for (const FrameRef& in : picture) {
      const auto out = assembler.next(now);
      REQUIRE(out);
      CHECK(test::sameBytes(out->frame->payload(), in->payload()));
      CHECK(out->frame->metadata == in->metadata);
      CHECK(out->frame->codecInfo.spatialId == in->codecInfo.spatialId);
      CHECK(out->frame->codecInfo.interLayerPredicted == in->codecInfo.interLayerPredicted);
      CHECK(out->frame->codecInfo.interPicturePredicted == in->codecInfo.interPicturePredicted);
      CHECK(out->frame->codecInfo.references[0] == in->codecInfo.references[0]);
      CHECK(out->frame->codecInfo.endOfPicture == in->codecInfo.endOfPicture);
      CHECK(out->frame->codecInfo.scalabilityStructureSize == in->codecInfo.scalabilityStructureSize);
    }
    REQUIRE_FALSE(assembler.next(now));
  }
  CHECK_FALSE(assembler.needKeyFrame());
}

TEST_CASE("One Opus packet is one frame; a lost one is waited for only as long as reordering lasts",
          "[assembler]") {
  base::SeededRandom random(1);
  FramePool pool;
  test::PacketMaker maker;
  FrameAssembler assembler(optionsFor(CodecType::Opus), pool);
  std::vector<MediaPacket> packets;
  std::vector<FrameRef> frames;
  for (uint32_t i = 0; i < 4; ++i) {
    frames.push_back(test::sealedFrame(pool, random, CodecType::Opus, 120, {}));
    frames.back()->rtpTimestamp = i * 960;
    packets.push_back(maker.packets(*frames.back())[0]);
    packets.back().audioLevel = 33;
    packets.back().voiceActivity = true;
  }
  Timestamp now = Timestamp::millis(100);
  assembler.insert(packets[0], now);
  auto out = assembler.next(now);
  REQUIRE(out);
  CHECK(test::sameBytes(out->frame->payload(), frames[0]->payload()));
  CHECK(out->frame->audioLevel == 33);
  CHECK(out->frame->voiceActivity);
  assembler.insert(packets[2], now);
  CHECK_FALSE(assembler.next(now));
  now = assembler.nextDeadline();
  CHECK(now == Timestamp::millis(110));
  out = assembler.next(now);
  REQUIRE(out);
  CHECK(out->frame->rtpTimestamp == 2 * 960);
  CHECK(out->afterGap);
  CHECK(assembler.insert(packets[1], now) == Inserted::Late);
  assembler.insert(packets[3], now);
  out = assembler.next(now);
  REQUIRE(out);
  CHECK_FALSE(out->afterGap);
  CHECK_FALSE(assembler.needKeyFrame());
}

TEST_CASE("A frame without a valid trailer is an error where one is required", "[assembler]") {
  Vp8Call call;
  call.insert(call.encode(true));
  REQUIRE(call.pop() == 0);
  call.frames.push_back(call.source.next(false, 500));
  call.frames.back()->writablePayload().back() = 0;  // the version byte
  call.insert(call.maker.packets(*call.frames.back()));
  REQUIRE(call.pop() == 1);
  CHECK(call.last->error == MetadataError::Version);
  CHECK(call.assembler.statistics().invalidTrailer == 1);
  // That one was no reference; the next is a base frame, and what comes after it depends on it.
  call.insert(call.encode());
  call.insert(call.encode());
  REQUIRE(call.pop() == 2);
  CHECK_FALSE(call.last->error);
  CHECK(call.last->afterGap);
  REQUIRE(call.pop() == 3);
  call.frames.push_back(call.source.next(false, 500));
  call.frames.back()->writablePayload().back() = 0;
  call.insert(call.maker.packets(*call.frames.back()));
  REQUIRE(call.pop() == 4);
  CHECK(call.last->error);
  CHECK(call.assembler.needKeyFrame());
  call.insert(call.encode());
  CHECK(call.pop() == -1);
}

TEST_CASE("A trailer that says audio on a video stream is an error", "[assembler]") {
  Vp8Call call;
  FrameRef audio = test::sealedFrame(call.pool, call.random, CodecType::Opus, 500, {});
  audio->codec = CodecType::Vp8;
  call.frames.push_back(audio);
  call.insert(call.maker.packets(*audio));
  REQUIRE(call.pop() == 0);
  CHECK(call.last->error == MetadataError::Flags);
}

TEST_CASE("Without a trailer the metadata comes from descriptor and codec header", "[assembler]") {
  const TrailerPolicy policy = GENERATE(TrailerPolicy::Optional, TrailerPolicy::None);
  Vp8Call call(1, policy);
  FrameRef key = call.source.next(true, 2'000);
  const uint8_t header[] = {0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01};
  std::copy(std::begin(header), std::end(header), key->writablePayload().data());
  key->writablePayload().back() = 0;
  call.frames.push_back(key);
  call.insert(call.maker.packets(*key));
  REQUIRE(call.pop() == 0);
  const Frame& out = *call.last->frame;
  CHECK_FALSE(out.sealed);
  CHECK(out.metadata.video);
  CHECK(out.metadata.keyFrame);
  CHECK(out.metadata.width == 640);
  CHECK(out.metadata.height == 360);
  FrameRef delta = call.source.next(false, 200);
  delta->writablePayload().back() = 0;
  call.frames.push_back(delta);
  call.insert(call.maker.packets(*delta));
  REQUIRE(call.pop() == 1);
  CHECK_FALSE(call.last->frame->metadata.keyFrame);
  CHECK(call.last->frame->metadata.temporalIndex == 2);
  CHECK(call.last->frame->metadata.discardable);
}

TEST_CASE("With an optional trailer a frame that has one is sealed", "[assembler]") {
  Vp8Call call(1, TrailerPolicy::Optional);
  call.insert(call.encode(true));
  REQUIRE(call.pop() == 0);
  CHECK(call.last->frame->sealed);
  CHECK(call.last->frame->metadata == call.frames[0]->metadata);
}

TEST_CASE("A frame above the size limit is dropped and counted", "[assembler]") {
  base::SeededRandom random(1);
  FramePool pool;
  test::Vp8Source source(pool, random);
  test::PacketMaker maker;
  AssemblerOptions options = optionsFor(CodecType::Vp8);
  options.maxFrameSize = 10'000;
  FrameAssembler assembler(options, pool);
  const Timestamp now = Timestamp::millis(1);
  for (const MediaPacket& packet : maker.packets(*source.next(true, 10'001))) assembler.insert(packet, now);
  CHECK_FALSE(assembler.next(now));
  CHECK(assembler.statistics().tooLarge == 1);
  for (const MediaPacket& packet : maker.packets(*source.next(true, 10'000))) assembler.insert(packet, now);
  CHECK(assembler.next(now));
}

TEST_CASE("A frame that never ends cannot take more than the slots there are", "[assembler]") {
  Vp8Call call;
  call.insert(call.encode(true));
  REQUIRE(call.pop() == 0);
  auto endless = call.maker.packets(*call.source.next(false, 900'000), 300);
  REQUIRE(endless.size() > 2 * FrameAssembler::slotCount);
  endless.pop_back();
  call.insert(endless);
  CHECK(call.pop() == -1);
  call.insert(call.encode(true));
  call.later(TimeDelta::millis(300));
  CHECK(call.pop() == 1);
}

TEST_CASE("Assembling and packetizing allocate nothing once warm", "[assembler]") {
  base::SeededRandom random(1);
  FramePool pool;
  base::PacketPool packets;
  FrameAssembler assembler(optionsFor(CodecType::Vp8), pool);
  test::Vp8Source source(pool, random);
  Timestamp now = Timestamp::millis(1);
  int64_t sequence = 100'000;
  const auto cycle = [&](int i) {
    const FrameRef frame = source.next(i == 0, i < 20 ? 20'500 : 500 + random.u32() % 20'000);
    const Packetizer packetizer(*frame, DescriptorRewrite::passThrough(*frame), 1'100);
    for (size_t p = 0; p < packetizer.packetCount(); ++p) {
      MediaPacket packet;
      packet.buffer = packets.acquire();
      const auto segment = packetizer.segment(p);
      const size_t descriptor = packetizer.writeDescriptor(p, packet.buffer.storage());
      std::copy(segment.chunk.begin(), segment.chunk.end(), packet.buffer.storage().data() + descriptor);
      packet.buffer.setSize(descriptor + segment.chunk.size());
      packet.payload = packet.buffer.view();
      packet.sequence = sequence++;
      packet.timestamp = frame->rtpTimestamp;
      packet.marker = segment.marker;
      assembler.insert(packet, now);
    }
    const auto out = assembler.next(now);
    return out && test::sameBytes(out->frame->payload(), frame->payload());
  };
  for (size_t size = FramePool::smallestClass; size <= 32'768; size *= 2) {  // one in and one out, any size
    const FrameRef in = pool.acquire(size);
    const FrameRef out = pool.acquire(size);
  }
  for (int i = 0; i < 200; ++i) REQUIRE(cycle(i));
  const size_t before = test::allocationCount;
  bool all = true;
  for (int i = 200; i < 2'000; ++i) all = cycle(i) && all;
  CHECK(test::allocationCount == before);
  CHECK(all);
}
