// Synthetic media: rhythm, sizes, key frames on request, and the proof inside each frame.
#include <catch2/catch.hpp>
#include <map>

#include "client/native/mediafile/OggOpusFile.hpp"
#include "client/native/mediafile/SyntheticSource.hpp"
#include "client/native/mediafile/VideoHeader.hpp"
#include "tests/unit/mediafile/MediaFileTestSupport.hpp"

namespace sotto::client::mediafile::test {

TEST_CASE("Synthetic 720p has three layers at 30 pictures a second and about the rates it names") {
  const auto options = parseSyntheticName("720p");
  REQUIRE(options);
  const auto source = makeSyntheticVideo(*options);
  REQUIRE(source->layers().size() == 3);
  CHECK(source->layers()[0].height == 180);
  CHECK(source->layers()[2].width == 1280);
  std::map<size_t, int64_t> bytes;
  for (int i = 0; i < 30 * 3 * 20; ++i) {
    const SourceFrame frame = source->next(1'000'000 + i);
    REQUIRE(frame.due == base::TimeDelta::seconds(1) * (i / 3) / 30);
    REQUIRE(frame.layer == static_cast<size_t>(i % 3));
    bytes[frame.layer] += static_cast<int64_t>(frame.payload.size());
    const auto header = readVideoHeader(frame::CodecType::Vp8, frame.payload);
    REQUIRE(header);
    REQUIRE(header->keyFrame == frame.keyFrame);
    if (header->keyFrame) REQUIRE(header->height == frame.height);
  }
  for (size_t layer = 0; layer < 3; ++layer) {
    const double rate = static_cast<double>(bytes[layer]) * 8 / 20;
    CHECK(rate == Approx(static_cast<double>(source->layers()[layer].rate.bps())).epsilon(0.15));
  }
}

TEST_CASE("Every synthetic frame proves itself, and no changed byte goes unnoticed") {
  SyntheticVideoOptions options;
  options.seed = 77;
  options.temporalLayers = 3;
  const auto source = makeSyntheticVideo(options);
  for (int i = 0; i < 24; ++i) {
    const SourceFrame frame = source->next(123'456'789);
    const auto proof = checkSynthetic(frame::CodecType::Vp8, frame.payload);
    REQUIRE(proof);
    CHECK(proof->seed == 77);
    CHECK(proof->picture == static_cast<uint32_t>(i / 3));
    CHECK(proof->layer == i % 3);
    CHECK(proof->temporalIndex == frame.temporalIndex);
    CHECK(proof->keyFrame == frame.keyFrame);
    CHECK(proof->capturedUs == 123'456'789);
    Bytes damaged = toBytes(frame.payload);
    for (size_t at = 0; at < damaged.size(); at += 13) {
      damaged[at] ^= 4;
      REQUIRE_FALSE(checkSynthetic(frame::CodecType::Vp8, damaged));
      damaged[at] ^= 4;
    }
    CHECK_FALSE(checkSynthetic(frame::CodecType::Vp8, frame.payload.first(frame.payload.size() - 1)));
    CHECK(looksSynthetic(frame::CodecType::Vp8, frame.payload.first(frame.payload.size() - 1)));
  }
}

TEST_CASE("A key frame is made when asked for, of that layer alone, and at the latest after the interval") {
  SyntheticVideoOptions options;
  options.keyFrameInterval = base::TimeDelta::seconds(2);
  const auto source = makeSyntheticVideo(options);
  std::map<size_t, base::TimeDelta> lastKey;
  for (int i = 0; i < 3; ++i) CHECK(source->next(0).keyFrame);
  for (int i = 0; i < 30; ++i) CHECK_FALSE(source->next(0).keyFrame);
  source->requestKeyFrame(1);
  CHECK_FALSE(source->next(0).keyFrame);
  const SourceFrame asked = source->next(0);
  CHECK(asked.keyFrame);
  lastKey[asked.layer] = asked.due;
  CHECK_FALSE(source->next(0).keyFrame);
  for (int i = 0; i < 3 * 30 * 5; ++i) {
    const SourceFrame frame = source->next(0);
    if (frame.keyFrame) lastKey[frame.layer] = frame.due;
    CHECK((frame.due - lastKey[frame.layer]).ms() <= 2'034);
  }
}

TEST_CASE("Three temporal layers follow 0 2 1 2, and only the uppermost is discardable") {
  SyntheticVideoOptions options;
  options.height = 180;
  options.temporalLayers = 3;
  const auto source = makeSyntheticVideo(options);
  for (const int expected : {0, 2, 1, 2, 0, 2, 1, 2}) {
    const SourceFrame frame = source->next(0);
    CHECK(frame.temporalIndex == expected);
    CHECK(frame.discardable == (expected == 2));
    CHECK(frame.temporalSwitchingPoint == (expected > 0));
  }
  options.temporalLayers = 1;
  CHECK_FALSE(makeSyntheticVideo(options)->next(0).discardable);
}

TEST_CASE("Synthetic audio is 20 ms packets with a proof") {
  const auto source = makeSyntheticAudio(5);
  for (int i = 0; i < 10; ++i) {
    const SourceFrame frame = source->next(42);
    CHECK(frame.due == base::TimeDelta::millis(20 * i));
    CHECK(opusPacketDuration(frame.payload) == base::TimeDelta::millis(20));
    const auto proof = checkSynthetic(frame::CodecType::Opus, frame.payload);
    REQUIRE(proof);
    CHECK(proof->picture == static_cast<uint32_t>(i));
    CHECK(frame.voiceActivity);
  }
  CHECK(makeSyntheticAudio(5, false)->next(0).audioLevel == 127);
}

TEST_CASE("Unknown synthetic sizes are refused with the ones there are") {
  CHECK_THAT(parseSyntheticName("999p").error().message,
             Catch::Contains("999p") && Catch::Contains("180p, 360p, 720p or 1080p"));
  CHECK(makeSyntheticVideo(*parseSyntheticName("1080p"))->layers().size() == 3);
  CHECK(makeSyntheticVideo(*parseSyntheticName("180p"))->layers().size() == 1);
}

}  // namespace sotto::client::mediafile::test
