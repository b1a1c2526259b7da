// Files as sources: order of layers, looping, and going on at a key frame when one is asked for.
#include <catch2/catch.hpp>

#include "client/native/mediafile/FileSources.hpp"
#include "tests/unit/mediafile/MediaFileTestSupport.hpp"

namespace sotto::client::mediafile::test {

TEST_CASE("Three files play as three layers, lowest first, whatever their order on the command line") {
  const WorkDirectory work("source-layers");
  writeTestIvf(work.file("f.ivf"), 1280, 720, 30, 10);
  writeTestIvf(work.file("q.ivf"), 320, 180, 30, 10);
  writeTestIvf(work.file("h.ivf"), 640, 360, 30, 10);
  const auto source = openVideoFiles({work.file("f.ivf"), work.file("q.ivf"), work.file("h.ivf")});
  REQUIRE(source);
  REQUIRE((*source)->layers().size() == 3);
  CHECK((*source)->layers()[0].height == 180);
  CHECK((*source)->layers()[2].height == 720);
  // Two and a half times around.
  for (int picture = 0; picture < 75; ++picture) {
    for (size_t layer = 0; layer < 3; ++layer) {
      const base::TimeDelta due = (*source)->nextDue();
      const SourceFrame frame = (*source)->next(0);
      REQUIRE(frame.layer == layer);
      REQUIRE(frame.due == due);
      REQUIRE(std::abs(frame.due.us() - picture * 1'000'000 / 30) <= 40);
      REQUIRE(frame.keyFrame == (picture % 10 == 0));
      REQUIRE(frame.width == (320 << layer));
    }
  }
}

TEST_CASE("Asked for a key frame, all layers go on at the next one together and without a pause") {
  const WorkDirectory work("source-request");
  writeTestIvf(work.file("q.ivf"), 320, 180, 60, 20);
  writeTestIvf(work.file("f.ivf"), 1280, 720, 60, 20);
  const auto source = openVideoFiles({work.file("q.ivf"), work.file("f.ivf")});
  REQUIRE(source);
  for (int i = 0; i < 21; ++i) (*source)->next(0);  // 10 whole pictures and the lower layer of the next
  (*source)->requestKeyFrame(1);
  SourceFrame frame = (*source)->next(0);
  CHECK(frame.layer == 1);
  CHECK_FALSE(frame.keyFrame);
  const base::TimeDelta last = frame.due;
  for (size_t layer = 0; layer < 2; ++layer) {
    frame = (*source)->next(0);
    CHECK(frame.layer == layer);
    CHECK(frame.keyFrame);
    CHECK(frame.payload.size() == 120);  // the key frame at 20, not the one at 0
    CHECK(frame.due - last == base::TimeDelta::micros(33'333) + base::TimeDelta::micros(frame.due.us() % 2));
  }
  // Right after a key frame the next wish waits a moment.
  (*source)->requestKeyFrame(0);
  int pictures = 0;
  do {
    frame = (*source)->next(0);
    pictures += frame.layer == 0 ? 1 : 0;
  } while (!frame.keyFrame);
  CHECK(pictures >= 6);
  CHECK(pictures <= 8);
}

TEST_CASE("After the last key frame of a file a request goes back to its beginning, with time running on") {
  const WorkDirectory work("source-wrap");
  writeTestIvf(work.file("a.ivf"), 320, 180, 30, 100);
  const auto source = openVideoFiles({work.file("a.ivf")});
  REQUIRE(source);
  base::TimeDelta last;
  for (int i = 0; i < 20; ++i) last = (*source)->next(0).due;
  (*source)->requestKeyFrame(0);
  const SourceFrame frame = (*source)->next(0);
  CHECK(frame.keyFrame);
  CHECK(frame.due > last);
  CHECK(frame.due < last + base::TimeDelta::millis(40));
}

TEST_CASE("Files whose key frames do not lie side by side jump each by itself") {
  const WorkDirectory work("source-unaligned");
  writeTestIvf(work.file("q.ivf"), 320, 180, 60, 20);
  writeTestIvf(work.file("f.ivf"), 1280, 720, 60, 30);
  const auto source = openVideoFiles({work.file("q.ivf"), work.file("f.ivf")});
  REQUIRE(source);
  for (int i = 0; i < 20; ++i) (*source)->next(0);
  (*source)->requestKeyFrame(1);
  base::TimeDelta last;
  for (size_t layer = 0; layer < 2; ++layer) {
    const SourceFrame frame = (*source)->next(0);
    CHECK(frame.layer == layer);
    CHECK(frame.keyFrame == (layer == 1));
    CHECK(frame.due >= last);
    last = frame.due;
  }
}

TEST_CASE("Files that do not go together, or begin in mid-stream, are refused by name") {
  const WorkDirectory work("source-refused");
  writeTestIvf(work.file("a.ivf"), 320, 180, 5, 5);
  writeTestIvf(work.file("b.ivf"), 320, 180, 5, 5);
  CHECK_THAT(openVideoFiles({work.file("a.ivf"), work.file("b.ivf")}).error().message,
             Catch::Contains("same size"));
  auto writer = IvfWriter::create(work.file("mid.ivf"), frame::CodecType::Vp8);
  REQUIRE(writer);
  REQUIRE(writer->write(vp8DeltaFrame(1), 0));
  REQUIRE(writer->close());
  CHECK_THAT(openVideoFiles({work.file("mid.ivf")}).error().message,
             Catch::Contains("mid.ivf") && Catch::Contains("expected a key frame first"));
  auto other = IvfWriter::create(work.file("vp9.ivf"), frame::CodecType::Vp9);
  REQUIRE(other);
  REQUIRE(other->write(Bytes{0x82, 0x49, 0x83, 0x42, 0x40, 0x4f, 0xf0, 0x2c, 0xf0, 0x00}, 0));
  REQUIRE(other->close());
  CHECK_THAT(openVideoFiles({work.file("a.ivf"), work.file("vp9.ivf")}).error().message,
             Catch::Contains("another codec"));
  CHECK_THAT(openVideoFiles({}).error().message, Catch::Contains("expected one to three"));
  CHECK_THAT(openAudioFile(work.file("a.ivf")).error().message, Catch::Contains("not an Ogg file"));
}

}  // namespace sotto::client::mediafile::test
