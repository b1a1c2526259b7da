#include "media/frame/Packetizer.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "FrameSource.hpp"
#include "media/rtp/Vp8Descriptor.hpp"
#include "media/rtp/Vp9Descriptor.hpp"

using namespace sotto;
using namespace sotto::frame;

TEST_CASE("All packets of a frame have one size but the last, and together they are the frame",
          "[packetizer]") {
  const uint64_t seed = GENERATE(1U, 2U, 3U);
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  FramePool pool;
  test::Vp8Source vp8(pool, random);
  test::Vp9Source vp9(pool, random);
  for (int round = 0; round < 400; ++round) {
    const size_t budget = 100 + random.u32() % 1'200;
    const size_t size = random.u32() % (round % 20 == 0 ? 200'000 : 5'000);
    FrameRef frame = round % 2 == 0 ? vp8.next(round % 10 == 0, size)
                                    : vp9.nextPicture(round % 10 == 1, size / 4)[random.u32() % 3];
    INFO("round " << round << " size " << frame->payload().size() << " budget " << budget);
    const Packetizer packetizer(*frame, DescriptorRewrite::passThrough(*frame), budget);
    std::vector<uint8_t> together;
    for (size_t i = 0; i < packetizer.packetCount(); ++i) {
      uint8_t descriptor[Packetizer::maxDescriptorSize];
      const auto segment = packetizer.segment(i);
      const size_t packetSize = packetizer.writeDescriptor(i, descriptor) + segment.chunk.size();
      CHECK(packetSize <= std::max(budget, Packetizer::minBudget));
      CHECK(segment.first == (i == 0));
      CHECK(segment.last == (i + 1 == packetizer.packetCount()));
      CHECK(segment.marker == (segment.last && frame->codecInfo.endOfPicture));
      CHECK_FALSE(segment.chunk.empty());
      if (!segment.last) {
        CHECK(packetSize == packetizer.packetSize());
      } else {
        CHECK(packetSize <= packetizer.packetSize());
      }
      together.insert(together.end(), segment.chunk.begin(), segment.chunk.end());
    }
    REQUIRE(test::sameBytes(together, frame->payload()));
  }
}

TEST_CASE("A frame that fits is one packet, an empty one too", "[packetizer]") {
  FramePool pool;
  FrameRef frame = pool.acquire(0);
  const Packetizer empty(*frame, {}, 1'000);
  CHECK(empty.packetCount() == 1);
  CHECK(empty.segment(0).chunk.empty());
  frame = pool.acquire(1'000);
  CHECK(Packetizer(*frame, {}, 1'000).packetCount() == 1);
  frame = pool.acquire(1'001);
  const Packetizer two(*frame, {}, 1'000);
  CHECK(two.packetCount() == 2);
  CHECK(two.packetSize() == 501);
  CHECK_FALSE(two.segment(1).marker);  // audio
}

TEST_CASE("A VP8 descriptor carries the recipient's values and the publisher's dependencies",
          "[packetizer]") {
  FramePool pool;
  FrameRef frame = pool.acquire(2'000);
  frame->codec = CodecType::Vp8;
  frame->codecInfo.layerSync = true;
  frame->codecInfo.nonReference = true;
  DescriptorRewrite rewrite;
  rewrite.pictureId = 5;
  rewrite.tl0PicIdx = 200;
  rewrite.temporalId = 2;
  rewrite.keyIndex = 3;
  const Packetizer packetizer(*frame, rewrite, 1'000);
  for (size_t i = 0; i < packetizer.packetCount(); ++i) {
    uint8_t bytes[Packetizer::maxDescriptorSize];
    const auto descriptor =
        rtp::parseVp8Descriptor(base::ByteView(bytes).first(packetizer.writeDescriptor(i, bytes)));
    REQUIRE(descriptor);
    CHECK(descriptor->startsFrame() == (i == 0));
    CHECK(descriptor->pictureId == 5);
    CHECK(descriptor->longPictureId);
    CHECK(descriptor->tl0PicIdx == 200);
    CHECK(descriptor->temporalId == 2);
    CHECK(descriptor->keyIndex == 3);
    CHECK(descriptor->layerSync);
    CHECK(descriptor->nonReference);
  }
}

TEST_CASE("A VP9 scalability structure rides on the first packet only", "[packetizer]") {
  base::SeededRandom random(1);
  FramePool pool;
  test::Vp9Source source(pool, random);
  const auto picture = source.nextPicture(true, 4'000);
  const Packetizer packetizer(*picture[0], DescriptorRewrite::passThrough(*picture[0]), 1'000);
  REQUIRE(packetizer.packetCount() == 5);
  for (size_t i = 0; i < packetizer.packetCount(); ++i) {
    uint8_t bytes[Packetizer::maxDescriptorSize];
    const auto descriptor =
        rtp::parseVp9Descriptor(base::ByteView(bytes).first(packetizer.writeDescriptor(i, bytes)));
    REQUIRE(descriptor);
    CHECK(descriptor->startOfFrame == (i == 0));
    CHECK(descriptor->endOfFrame == (i == 4));
    CHECK(descriptor->scalabilityStructure.size() == (i == 0 ? 13U : 0U));
    CHECK_FALSE(packetizer.segment(i).marker);  // two more layers follow
  }
}
