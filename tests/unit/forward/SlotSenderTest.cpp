// What a recipient sees in one slot across drops, switches and sources: picture ids and handover.
#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "media/forward/PictureIds.hpp"
#include "media/forward/Subscription.hpp"
#include "tests/unit/forward/FrameMaker.hpp"

using namespace sotto;
using namespace sotto::forward;
using base::TimeDelta;
using base::Timestamp;
using test::FrameMaker;
using test::FrameSpec;

namespace {

struct Sink final : stream::PacketSink {
  std::vector<uint16_t> sequences;
  std::vector<uint32_t> timestamps;
  void send(const stream::OutgoingPacket& packet) override {
    sequences.push_back(base::loadU16(&packet.header[2]));
    timestamps.push_back(base::loadU32(&packet.header[4]));
  }
  uint16_t nextTransportSequence() override { return 0; }
};

ArrivedFrame arrivedOf(FrameMaker& maker, int32_t pictureId, int16_t tl0, uint8_t temporal,
                       int8_t spatial = -1) {
  FrameSpec spec;
  spec.pictureId = pictureId;
  spec.tl0 = tl0;
  spec.temporal = temporal;
  spec.spatial = spatial;
  ArrivedFrame arrived;
  arrived.frame = maker.make(spec);
  arrived.temporal = temporal;
  return arrived;
}

control::Slot videoSlot() {
  control::Slot slot;
  slot.mid = "v";
  slot.kind = control::MediaKind::Video;
  slot.ssrc = 77;
  slot.codecs = {{"VP8", 96, 90'000, std::nullopt}};
  return slot;
}

}  // namespace

TEST_CASE("VP8 picture ids count what is sent, and TL0PICIDX goes on across a switch") {
  FrameMaker maker;
  PictureIds ids;
  CHECK(ids.next(arrivedOf(maker, 500, 10, 0), true, true).pictureId == 0);
  // A dropped frame between them leaves no hole.
  const auto second = ids.next(arrivedOf(maker, 502, 10, 1), false, true);
  CHECK(second.pictureId == 1);
  CHECK(second.tl0PicIdx == 0);
  const auto third = ids.next(arrivedOf(maker, 504, 11, 0), false, true);
  CHECK(third.pictureId == 2);
  CHECK(third.tl0PicIdx == 1);
  const auto switched = ids.next(arrivedOf(maker, 9, 200, 0), true, true);
  CHECK(switched.pictureId == 3);
  CHECK(switched.tl0PicIdx == 2);
  CHECK(ids.next(arrivedOf(maker, 10, 201, 0), false, true).tl0PicIdx == 3);
}

TEST_CASE("VP9 picture ids keep their distances, across the wrap of 15 and of 7 bits") {
  FrameMaker maker;
  PictureIds ids;
  CHECK(ids.next(arrivedOf(maker, 0x7FFE, -1, 0, 0), true, false).pictureId == 0);
  CHECK(ids.next(arrivedOf(maker, 0x7FFE, -1, 0, 1), false, true).pictureId == 0);
  CHECK(ids.next(arrivedOf(maker, 1, -1, 0, 0), false, true).pictureId == 3);
  CHECK(ids.next(arrivedOf(maker, 4, -1, 0, 0), false, true).pictureId == 6);
  CHECK(ids.next(arrivedOf(maker, 126, -1, 0, 0), true, true).pictureId == 7);
  CHECK(ids.next(arrivedOf(maker, 0, -1, 0, 0), false, true).pictureId == 9);
}

TEST_CASE("A slot goes from one source to the next without a hole, once the new key frame is there") {
  base::SeededRandom random(3);
  FrameMaker maker;
  Sink sink;
  Subscription subscription(videoSlot(), 1'184, random);
  Source alice(1), bob(2);
  Timestamp now = Timestamp::millis(50'000);
  uint32_t timestamp = 1'000'000;
  auto give = [&](Source& source, uint32_t ssrc, bool key) {
    FrameSpec spec;
    spec.ssrc = ssrc;
    spec.key = key;
    spec.width = key ? 320 : 0;
    spec.height = key ? 180 : 0;
    spec.size = 3'000;
    spec.timestamp = (timestamp += 3'000) * ssrc;
    now = now + TimeDelta::millis(33);
    const ArrivedFrame arrived = source.onFrame(maker.make(spec), {}, now);
    if (!source.options(now).empty() && subscription.bound() == &source) {
      subscription.setTarget({source.options(now)[0].layer, allTemporalLayers, false}, now);
    }
    if (!subscription.watches(&source)) return false;
    return subscription.onFrame(arrived, source, ssrc, now, sink).forwards();
  };
  subscription.bind(&alice, now);
  CHECK(subscription.playing() == &alice);
  CHECK(give(alice, 1, true));
  CHECK(give(alice, 1, false));

  subscription.bind(&bob, now);
  CHECK(subscription.playing() == &alice);
  CHECK(!give(bob, 2, false));
  CHECK(give(alice, 1, false));
  CHECK(give(bob, 2, true));
  CHECK(subscription.playing() == &bob);
  CHECK(!give(alice, 1, false));
  CHECK(give(bob, 2, false));
  for (size_t i = 1; i < sink.sequences.size(); ++i) {
    CHECK(static_cast<uint16_t>(sink.sequences[i] - sink.sequences[i - 1]) == 1);
    CHECK(static_cast<int32_t>(sink.timestamps[i] - sink.timestamps[i - 1]) >= 0);
    CHECK(static_cast<int32_t>(sink.timestamps[i] - sink.timestamps[i - 1]) < 20'000);
  }
}

TEST_CASE(
    "A new source without a key frame takes the slot after a second, one that left gives it up at once") {
  base::SeededRandom random(3);
  FrameMaker maker;
  Sink sink;
  Subscription subscription(videoSlot(), 1'184, random);
  Source alice(1), bob(2);
  Timestamp now = Timestamp::millis(50'000);
  FrameSpec key;
  key.key = true;
  key.width = 320;
  key.height = 180;
  subscription.bind(&alice, now);
  const ArrivedFrame first = alice.onFrame(maker.make(key), {}, now);
  subscription.setTarget({first.layer, allTemporalLayers, false}, now);
  REQUIRE(subscription.onFrame(first, alice, 1, now, sink).forwards());

  SECTION("after a pause in which frames were not offered, only a key frame goes on") {
    subscription.restart();
    FrameSpec delta;
    delta.timestamp = 9'000;
    CHECK(!subscription.onFrame(alice.onFrame(maker.make(delta), {}, now), alice, 1, now, sink).forwards());
    CHECK(subscription.awaitedStream() == 1);
    key.timestamp = 18'000;
    CHECK(subscription.onFrame(alice.onFrame(maker.make(key), {}, now), alice, 1, now, sink).forwards());
  }
  SECTION("after a second") {
    subscription.bind(&bob, now);
    CHECK(!subscription.onTime(now + TimeDelta::millis(999)));
    CHECK(subscription.onTime(now + TimeDelta::millis(1'000)));
    CHECK(subscription.playing() == &bob);
  }
  SECTION("left while it waits to hand over") {
    subscription.bind(&bob, now);
    subscription.onSourceGone(&alice);
    CHECK(subscription.playing() == &bob);
  }
  SECTION("left while it plays") {
    subscription.onSourceGone(&alice);
    CHECK(subscription.playing() == nullptr);
    CHECK(subscription.bound() == nullptr);
  }
  SECTION("nothing is wanted any more") {
    subscription.bind(nullptr, now);
    CHECK(subscription.playing() == nullptr);
  }
  SECTION("the new one left before it came") {
    subscription.bind(&bob, now);
    subscription.onSourceGone(&bob);
    CHECK(subscription.bound() == nullptr);
    CHECK(subscription.playing() == nullptr);
  }
}

TEST_CASE("A slot takes the codecs that were negotiated for it, by any case of their names") {
  base::SeededRandom random(3);
  control::Slot slot = videoSlot();
  slot.codecs = {{"vp8", 96, 90'000, std::nullopt}, {"H264", 102, 90'000, std::nullopt}};
  const SlotSender sender(slot, 1'184, random);
  CHECK(sender.takes(frame::CodecType::Vp8));
  CHECK(!sender.takes(frame::CodecType::Vp9));
  CHECK(!sender.takes(frame::CodecType::Opus));
}
