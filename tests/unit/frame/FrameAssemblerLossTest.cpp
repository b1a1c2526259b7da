// What the assembler waits for when packets are missing, and what can be decoded without them.
#include "media/frame/FrameAssembler.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <vector>

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

TEST_CASE("A frame is not held behind an incomplete one that says it is no reference", "[assembler]") {
  Vp8Call call;
  call.insert(call.encode(true));
  REQUIRE(call.pop() == 0);
  auto discardable = call.encode();  // temporal layer 2
  REQUIRE(discardable.size() > 2);
  discardable.erase(discardable.begin() + 1);
  call.insert(discardable);
  call.insert(call.encode());
  CHECK(call.pop() == -1);  // may still be reordered
  call.later(TimeDelta::millis(10));
  CHECK(call.pop() == 2);
  CHECK(call.last->afterGap);
  CHECK_FALSE(call.assembler.needKeyFrame());
}

TEST_CASE("A frame lost whole is waited for: no pattern proves that nothing needs it", "[assembler]") {
  Vp8Call call;
  call.insert(call.encode(true));
  for (int i = 1; i < 13; ++i) call.insert(call.encode());
  for (int i = 0; i < 13; ++i) REQUIRE(call.pop() == i);
  const auto lost = call.encode();  // 13, temporal layer 2
  call.insert(call.encode());       // 14, temporal layer 1
  call.later(TimeDelta::millis(100));
  CHECK(call.pop() == -1);
  SECTION("its retransmission comes") {
    call.insert(lost);
    CHECK(call.pop() == 13);
    CHECK_FALSE(call.last->afterGap);
    CHECK(call.pop() == 14);
    CHECK_FALSE(call.last->afterGap);
  }
  SECTION("it never comes, and what does needs temporal layer 0 alone") {
    call.later(TimeDelta::millis(200));
    CHECK(call.pop() == 14);
    CHECK(call.last->afterGap);
    CHECK_FALSE(call.assembler.needKeyFrame());
  }
}

TEST_CASE("A missing reference is waited for until its retransmission comes", "[assembler]") {
  Vp8Call call;
  call.insert(call.encode(true));
  for (int i = 1; i < 4; ++i) call.insert(call.encode());
  for (int i = 0; i < 4; ++i) REQUIRE(call.pop() == i);
  auto base = call.encode();  // 4, temporal layer 0
  const MediaPacket lost = base[1];
  base.erase(base.begin() + 1);
  call.insert(base);
  call.insert(call.encode());
  call.insert(call.encode());
  call.later(TimeDelta::millis(299));
  CHECK(call.pop() == -1);
  CHECK(call.assembler.nextDeadline() == call.now + TimeDelta::millis(1));
  CHECK(call.assembler.insert(lost, call.now) == Inserted::Stored);
  CHECK(call.pop() == 4);
  CHECK_FALSE(call.last->afterGap);
  CHECK(call.pop() == 5);
  CHECK(call.pop() == 6);
  CHECK(call.assembler.statistics().gaps == 0);
}

TEST_CASE("After a lost reference nothing comes out before the next key frame", "[assembler]") {
  Vp8Call call;
  call.insert(call.encode(true));
  for (int i = 1; i < 4; ++i) call.insert(call.encode());
  for (int i = 0; i < 4; ++i) REQUIRE(call.pop() == i);
  call.encode();  // 4, temporal layer 0, never arrives
  call.insert(call.encode());
  call.later(TimeDelta::millis(300));
  CHECK(call.pop() == -1);
  CHECK(call.assembler.needKeyFrame());
  for (int i = 6; i < 12; ++i) call.insert(call.encode());
  CHECK(call.pop() == -1);
  CHECK(call.assembler.needKeyFrame());
  call.insert(call.encode(true));
  CHECK(call.pop() == 12);
  CHECK(call.last->afterGap);
  CHECK_FALSE(call.assembler.needKeyFrame());
  CHECK(call.assembler.statistics().undecodable == 7);
}

TEST_CASE("A complete key frame does not wait for what was lost before it", "[assembler]") {
  Vp8Call call;
  call.insert(call.encode(true));
  REQUIRE(call.pop() == 0);
  for (int i = 1; i < 5; ++i) call.encode();  // all lost
  call.insert(call.encode(true));
  CHECK(call.pop() == -1);
  call.later(TimeDelta::millis(10));
  CHECK(call.pop() == 5);
}

TEST_CASE("A lost frame of an upper temporal layer leaves the base layer going", "[assembler]") {
  Vp8Call call;
  call.insert(call.encode(true));
  call.insert(call.encode());
  REQUIRE(call.pop() == 0);
  REQUIRE(call.pop() == 1);
  call.encode();               // 2, temporal layer 1: frame 3 refers to it
  call.insert(call.encode());  // 3, temporal layer 2 without sync
  call.insert(call.encode());  // 4, temporal layer 0
  call.insert(call.encode());  // 5, temporal layer 2 with sync
  CHECK(call.pop() == -1);
  call.later(TimeDelta::millis(300));
  CHECK(call.pop() == 4);
  CHECK(call.last->afterGap);
  CHECK(call.pop() == 5);
  CHECK_FALSE(call.assembler.needKeyFrame());
  CHECK(call.assembler.statistics().undecodable == 1);
}

TEST_CASE("Lost padding is no lost frame", "[assembler]") {
  Vp8Call call;
  call.insert(call.encode(true));
  REQUIRE(call.pop() == 0);
  call.insert({call.maker.padding()});
  call.maker.padding();  // lost
  call.insert(call.encode());
  call.later(TimeDelta::millis(10));
  CHECK(call.pop() == 1);
  CHECK_FALSE(call.last->afterGap);
}

TEST_CASE("A stream joined in its middle asks for a key frame", "[assembler]") {
  Vp8Call call;
  call.encode(true);
  call.insert(call.encode());
  CHECK(call.pop() == -1);
  CHECK(call.assembler.needKeyFrame());
}

TEST_CASE("Reordering at the very beginning loses nothing", "[assembler]") {
  Vp8Call call;
  const auto first = call.encode(true);
  const auto second = call.encode();
  call.insert(second);
  call.insert(first);
  CHECK(call.pop() == 0);
  CHECK(call.pop() == 1);
}

TEST_CASE("A VP9 layer frame goes forward only when all that it refers to did", "[assembler]") {
  base::SeededRandom random(1);
  FramePool pool;
  test::Vp9Source source(pool, random);
  test::PacketMaker maker;
  FrameAssembler assembler(optionsFor(CodecType::Vp9), pool);
  Timestamp now = Timestamp::millis(5);
  const auto send = [&](const std::vector<FrameRef>& picture, int lostLayer) {
    for (int layer = 0; layer < 3; ++layer) {
      for (const MediaPacket& packet : maker.packets(*picture[static_cast<size_t>(layer)])) {
        if (layer != lostLayer) assembler.insert(packet, now);
      }
    }
  };
  const auto layersOut = [&] {
    std::vector<int> layers;
    while (const auto out = assembler.next(now)) layers.push_back(out->frame->codecInfo.spatialId);
    return layers;
  };
  send(source.nextPicture(true, 1'000), -1);
  CHECK(layersOut() == std::vector<int>{0, 1, 2});
  send(source.nextPicture(false, 1'000), 1);
  CHECK(layersOut() == std::vector<int>{0});
  now = now + TimeDelta::millis(300);
  CHECK(layersOut() == std::vector<int>{2});  // each layer refers to its own last picture only
  send(source.nextPicture(false, 1'000), -1);
  CHECK(layersOut() == std::vector<int>{0, 2});
  CHECK(assembler.needKeyFrame());
  send(source.nextPicture(true, 1'000), -1);
  CHECK(layersOut() == std::vector<int>{0, 1, 2});
  CHECK_FALSE(assembler.needKeyFrame());
}

TEST_CASE("Frames in, lossy network, frames out: equal or absent, and always decodable", "[assembler]") {
  const uint64_t seed = GENERATE(range<uint64_t>(1, 21));
  INFO("seed " << seed);
  Vp8Call call(seed);
  const uint32_t lossPercent = static_cast<uint32_t>(seed % 5) * 5;
  struct Arrival {
    Timestamp at;
    MediaPacket packet;
  };
  std::multimap<Timestamp, MediaPacket> network;
  std::set<int> out;
  int latest = -1;
  bool needKey = true;
  int keysSent = 0;
  const int total = 600;
  for (int i = 0; i < total; ++i) {
    const bool key = needKey;
    keysSent += key ? 1 : 0;
    for (const MediaPacket& packet : call.encode(key, 200 + call.random.u32() % 6'000)) {
      TimeDelta delay = TimeDelta::micros(20'000 + call.random.u32() % 4'000);
      if (call.random.u32() % 30 == 0) delay += TimeDelta::millis(15);
      while (call.random.u32() % 100 < lossPercent) delay += TimeDelta::millis(60);  // retransmitted
      if (call.random.u32() % 400 < lossPercent) continue;                           // lost for good
      network.emplace(call.now + delay, packet);
      if (call.random.u32() % 50 == 0) network.emplace(call.now + delay + TimeDelta::millis(5), packet);
    }
    const Timestamp end = call.now + TimeDelta::millis(33);
    while (call.now < end) {
      while (!network.empty() && network.begin()->first <= call.now) {
        call.assembler.insert(network.begin()->second, call.now);
        network.erase(network.begin());
      }
      for (int index = call.pop(); index != -1; index = call.pop()) {
        REQUIRE(index > latest);
        latest = index;
        const Frame& in = *call.frames[static_cast<size_t>(index)];
        REQUIRE_FALSE(call.last->error);
        REQUIRE(test::sameBytes(call.last->frame->payload(), in.payload()));
        // The references of Vp8Source: T0 needs the T0 before; T1 and the first T2 that T0; the second T2 T1.
        const auto before = [&](int from, int temporal) {
          while (call.frames[static_cast<size_t>(--from)]->codecInfo.temporalId != temporal) continue;
          return from;
        };
        if (!in.metadata.keyFrame) {
          INFO("frame " << index);
          REQUIRE(out.count(before(index, 0)) == 1);
          if (in.codecInfo.temporalId == 2 && !in.codecInfo.layerSync)
            REQUIRE(out.count(before(index, 1)) == 1);
        }
        out.insert(index);
      }
      needKey = call.assembler.needKeyFrame();
      call.later(TimeDelta::millis(3));
      CHECK((call.assembler.nextDeadline() == Timestamp::plusInfinity() ||
             call.assembler.nextDeadline() >= call.now - TimeDelta::millis(3)));
    }
  }
  if (lossPercent == 0) {
    CHECK(static_cast<int>(out.size()) >= total - 2);
    CHECK(keysSent <= 3);
  } else {
    CHECK(static_cast<int>(out.size()) > total / 4);
  }
}

TEST_CASE("A key frame is needed before the wait for a reference ends, and no more once that has come",
          "[assembler]") {
  Vp8Call call;
  call.assembler.setWaits(TimeDelta::millis(300), TimeDelta::millis(200));
  call.insert(call.encode(true));
  for (int i = 1; i < 4; ++i) call.insert(call.encode());
  for (int i = 0; i < 4; ++i) REQUIRE(call.pop() == i);
  auto base = call.encode();  // 4, temporal layer 0
  const MediaPacket lost = base[1];
  base.erase(base.begin() + 1);
  call.insert(base);
  call.insert(call.encode());
  CHECK(call.pop() == -1);
  CHECK(call.assembler.nextDeadline() == call.now + TimeDelta::millis(200));
  call.later(TimeDelta::millis(199));
  CHECK(call.pop() == -1);
  CHECK_FALSE(call.assembler.needKeyFrame());
  call.later(TimeDelta::millis(1));
  CHECK(call.pop() == -1);
  CHECK(call.assembler.needKeyFrame());
  CHECK(call.assembler.nextDeadline() == call.now + TimeDelta::millis(100));
  SECTION("the retransmission comes") {
    call.assembler.insert(lost, call.now);
    CHECK(call.pop() == 4);
    CHECK_FALSE(call.assembler.needKeyFrame());
    CHECK(call.pop() == 5);
  }
  SECTION("the key frame comes") {
    call.later(TimeDelta::millis(50));
    call.insert(call.encode(true));
    CHECK(call.pop() == 6);
    CHECK_FALSE(call.assembler.needKeyFrame());
  }
  SECTION("neither comes") {
    call.later(TimeDelta::millis(100));
    CHECK(call.pop() == -1);
    CHECK(call.assembler.needKeyFrame());
    CHECK(call.assembler.statistics().gaps == 1);
  }
}
