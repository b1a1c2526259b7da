#include "media/frame/ReferenceTracker.hpp"

#include <catch2/catch.hpp>

#include "media/frame/FramePool.hpp"

namespace {

using namespace sotto::frame;

/// A VP9 frame of picture `pictureId` in non-flexible mode.
FrameRef vp9(FramePool& pool, int pictureId, bool predicted) {
  FrameRef frame = pool.acquire(0);
  frame->codec = CodecType::Vp9;
  frame->codecInfo.pictureId = pictureId & 0x7FFF;
  frame->codecInfo.longPictureId = true;
  frame->codecInfo.interPicturePredicted = predicted;
  frame->codecInfo.endOfPicture = true;
  return frame;
}

void addGroup(Frame& frame) {
  // One layer, no sizes, a group of two: T0 refers 2 back, T1 refers 1 back.
  const uint8_t structure[] = {0x08, 2, 0x04, 2, 0x34, 1};
  std::copy(std::begin(structure), std::end(structure), frame.codecInfo.scalabilityStructure);
  frame.codecInfo.scalabilityStructureSize = sizeof structure;
}

PictureInfo placeOf(const Frame& frame) {
  return {frame.codecInfo.pictureId,  frame.codecInfo.longPictureId, frame.codecInfo.tl0PicIdx,
          frame.codecInfo.temporalId, frame.codecInfo.spatialId,     frame.codecInfo.nonReference};
}

const auto never = [](int32_t) { return false; };

}  // namespace

TEST_CASE("A VP9 picture group says which frame survives a loss", "[references]") {
  FramePool pool;
  ReferenceTracker tracker(CodecType::Vp9);
  int picture = 0x7FFD;  // wraps within the test
  FrameRef key = vp9(pool, picture, false);
  addGroup(*key);
  CHECK(tracker.baseBroken());
  CHECK(tracker.onFrame(*key));
  CHECK_FALSE(tracker.baseBroken());
  for (int i = 1; i < 7; ++i) CHECK(tracker.onFrame(*vp9(pool, picture + i, true)));
  // Picture 7 (T1) is lost: 8 refers to 6 and 9 to 8.
  tracker.onLoss(ReferenceTracker::Loss::Unknown);
  CHECK(tracker.onFrame(*vp9(pool, picture + 8, true)));
  CHECK(tracker.onFrame(*vp9(pool, picture + 9, true)));
  // Picture 10 (T0) is lost: 11 refers to it, and so does 12.
  tracker.onLoss(ReferenceTracker::Loss::Unknown);
  CHECK_FALSE(tracker.onFrame(*vp9(pool, picture + 11, true)));
  CHECK_FALSE(tracker.onFrame(*vp9(pool, picture + 12, true)));
  CHECK(tracker.baseBroken());
  CHECK(tracker.onFrame(*vp9(pool, picture + 13, false)));
  CHECK_FALSE(tracker.baseBroken());
}

TEST_CASE("VP9 frames that name no reference are undecodable after any loss", "[references]") {
  FramePool pool;
  ReferenceTracker tracker(CodecType::Vp9);
  CHECK_FALSE(tracker.onFrame(*vp9(pool, 1, true)));
  CHECK(tracker.onFrame(*vp9(pool, 2, false)));
  CHECK(tracker.onFrame(*vp9(pool, 3, true)));
  tracker.onLoss(ReferenceTracker::Loss::Nothing);
  CHECK(tracker.onFrame(*vp9(pool, 4, true)));
  tracker.onLoss(ReferenceTracker::Loss::Unknown);
  CHECK_FALSE(tracker.onFrame(*vp9(pool, 6, true)));
}

TEST_CASE("A 7-bit picture id does not take a frame of the last round for a reference", "[references]") {
  FramePool pool;
  ReferenceTracker tracker(CodecType::Vp9);
  const auto make = [&](int picture, uint8_t back) {
    FrameRef frame = vp9(pool, picture & 0x7F, back != 0);
    frame->codecInfo.longPictureId = false;
    frame->codecInfo.flexible = true;
    frame->codecInfo.referenceCount = back != 0 ? 1 : 0;
    frame->codecInfo.references[0] = back;
    return frame;
  };
  CHECK(tracker.onFrame(*make(0, 0)));
  for (int i = 1; i < 130; ++i) CHECK(tracker.onFrame(*make(i, 1)));
  // Pictures 130 and 131 are lost; 128 pictures earlier their ids were delivered.
  CHECK_FALSE(tracker.onFrame(*make(132, 1)));
  CHECK_FALSE(tracker.onFrame(*make(133, 3)));
  CHECK(tracker.onFrame(*make(134, 5)));
}

TEST_CASE("Picture ids and TL0PICIDX tell what was lost between two VP8 frames", "[references]") {
  FramePool pool;
  ReferenceTracker tracker(CodecType::Vp8);
  const auto vp8 = [&](int picture, int tl0, int8_t temporal) {
    FrameRef frame = pool.acquire(0);
    frame->codec = CodecType::Vp8;
    frame->codecInfo.pictureId = picture;
    frame->codecInfo.longPictureId = true;
    frame->codecInfo.tl0PicIdx = static_cast<int16_t>(tl0 & 0xFF);
    frame->codecInfo.temporalId = temporal;
    frame->metadata.keyFrame = picture == 10;
    return frame;
  };
  using Loss = ReferenceTracker::Loss;
  CHECK(tracker.classify(placeOf(*vp8(10, 255, 0)), never) == Loss::Unknown);  // nothing to compare with
  REQUIRE(tracker.onFrame(*vp8(10, 255, 0)));
  CHECK(tracker.classify(placeOf(*vp8(11, 255, 1)), never) == Loss::Nothing);
  CHECK(tracker.classify(placeOf(*vp8(12, 256, 0)), never) == Loss::UpperLayers);
  CHECK(tracker.classify(placeOf(*vp8(12, 257, 0)), never) == Loss::Unknown);  // a base frame is missing
  CHECK(tracker.classify(placeOf(*vp8(12, 256, 1)), never) == Loss::Unknown);
  CHECK(tracker.classify(placeOf(*vp8(12, 255, 1)), never) == Loss::UpperLayers);
  CHECK(tracker.classify(placeOf(*vp8(9, 255, 1)), never) == Loss::Unknown);  // backwards
  const auto eleven = [](int32_t pictureId) { return pictureId == 11; };
  CHECK(tracker.classify(placeOf(*vp8(12, 256, 0)), eleven) == Loss::Disposable);
  CHECK(tracker.classify(placeOf(*vp8(13, 256, 0)), eleven) == Loss::UpperLayers);
}

TEST_CASE("A temporal layer that lost a frame comes back with a layer sync", "[references]") {
  FramePool pool;
  ReferenceTracker tracker(CodecType::Vp8);
  int picture = 0;
  const auto next = [&](int8_t temporal, bool sync, bool key = false) {
    FrameRef frame = pool.acquire(0);
    frame->codec = CodecType::Vp8;
    frame->codecInfo.pictureId = picture++;
    frame->codecInfo.temporalId = temporal;
    frame->codecInfo.layerSync = sync;
    frame->metadata.keyFrame = key;
    return tracker.onFrame(*frame);
  };
  CHECK(next(0, false, true));
  tracker.onLoss(ReferenceTracker::Loss::UpperLayers);
  CHECK_FALSE(next(1, false));
  CHECK_FALSE(next(2, false));
  CHECK(next(0, false));
  CHECK(next(2, true));  // refers to layer 0 alone
  CHECK_FALSE(next(1, false));
  CHECK_FALSE(next(2, false));  // may refer to layer 1
  CHECK(next(1, true));
  CHECK_FALSE(next(2, false));
  CHECK(next(2, true));
  CHECK(next(2, false));
}
