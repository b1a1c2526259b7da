// IVF: what is written is read back; damaged and foreign files are refused with place and reason.
#include <catch2/catch.hpp>

#include "tests/unit/mediafile/MediaFileTestSupport.hpp"

namespace sotto::client::mediafile::test {
namespace {

Bytes sampleFile() {
  const WorkDirectory work("ivf-sample");
  writeTestIvf(work.file("a.ivf"), 640, 360, 3, 10);
  return readFile(work.file("a.ivf"));
}

std::string errorOf(Bytes bytes) {
  const auto file = IvfFile::parse("x.ivf", std::move(bytes));
  return file ? "" : file.error().message;
}

}  // namespace

TEST_CASE("Frames written to IVF are read back byte for byte with their times") {
  const WorkDirectory work("ivf-roundtrip");
  const std::string path = work.file("a.ivf");
  auto writer = IvfWriter::create(path, frame::CodecType::Vp8);
  REQUIRE(writer);
  const std::vector<Bytes> frames{vp8KeyFrame(320, 180), vp8DeltaFrame(1, 3), vp8DeltaFrame(2, 70'000),
                                  vp8KeyFrame(640, 360)};
  for (size_t i = 0; i < frames.size(); ++i) REQUIRE(writer->write(frames[i], i * 9'000));
  REQUIRE(writer->close());
  CHECK_FALSE(writer->write(frames[0], 99'000));

  const auto file = IvfFile::load(path);
  REQUIRE(file);
  CHECK(file->codec() == frame::CodecType::Vp8);
  REQUIRE(file->entries().size() == frames.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    CHECK(toBytes(file->frame(i)) == frames[i]);
    CHECK(file->timeOf(i) == base::TimeDelta::millis(static_cast<int64_t>(i) * 100));
  }
  CHECK(file->entries()[2].width == 320);
  CHECK(file->entries()[3].width == 640);
  CHECK(file->entries()[3].keyFrame);
  CHECK(file->duration() == base::TimeDelta::millis(400));
  // Frame count and size stand in the header.
  const Bytes bytes = readFile(path);
  CHECK(bytes[24] == 4);
  CHECK((bytes[12] | bytes[13] << 8) == 320);
}

TEST_CASE("A file cut anywhere but between frames is refused as truncated, with the byte where it ends") {
  const Bytes whole = sampleFile();
  const auto reference = IvfFile::parse("x.ivf", whole);
  REQUIRE(reference);
  std::vector<size_t> boundaries;
  for (const auto& entry : reference->entries()) boundaries.push_back(entry.offset + entry.size);
  for (size_t size = 0; size < whole.size(); ++size) {
    if (std::find(boundaries.begin(), boundaries.end(), size) != boundaries.end()) continue;
    const std::string error = errorOf({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    INFO("cut at " << size);
    CHECK_THAT(error, Catch::StartsWith("x.ivf: at byte ") &&
                          (Catch::Contains("expected") || Catch::Contains("truncated")));
  }
}

TEST_CASE("Foreign files are named for what is wrong in them") {
  CHECK_THAT(errorOf(Bytes(100, 'x')), Catch::Contains("at byte 0") && Catch::Contains("not an IVF file"));
  Bytes bytes = sampleFile();
  std::copy_n("H264", 4, bytes.begin() + 8);
  CHECK_THAT(errorOf(bytes), Catch::Contains("at byte 8") && Catch::Contains("H264"));
  bytes = sampleFile();
  bytes[16] = bytes[17] = bytes[18] = bytes[19] = 0;
  CHECK_THAT(errorOf(bytes), Catch::Contains("at byte 16") && Catch::Contains("time base"));
  bytes = sampleFile();
  bytes[44 + 3] = 0;  // the first frame's start code
  CHECK_THAT(errorOf(bytes), Catch::Contains("at byte 44") && Catch::Contains("VP8 frame header"));
  bytes = sampleFile();
  bytes[6] = 200;
  bytes[7] = 200;
  CHECK_THAT(errorOf(bytes), Catch::Contains("at byte 6") && Catch::Contains("header length"));
}

TEST_CASE("Timestamps that go back or span years are refused") {
  Bytes bytes = sampleFile();
  bytes[36] = 1;  // the first frame's timestamp, of the second and third 3000 and 6000
  bytes[38] = 1;
  CHECK_THAT(errorOf(bytes), Catch::Contains("goes back"));
  bytes = sampleFile();
  const auto file = IvfFile::parse("x.ivf", bytes);
  bytes[file->entries().back().offset - 1] = 1;
  CHECK_THAT(errorOf(bytes), Catch::Contains("longer than a week"));
}

TEST_CASE("Files that cannot be opened or written give the path and the reason") {
  const WorkDirectory work("ivf-missing");
  CHECK_THAT(IvfFile::load(work.file("none.ivf")).error().message,
             Catch::Contains("none.ivf") && Catch::Contains("No such file"));
  CHECK_THAT(IvfFile::load(work.file("")).error().message, Catch::Contains("is a directory"));
  CHECK_THAT(IvfWriter::create(work.file("no/such.ivf"), frame::CodecType::Vp8).error().message,
             Catch::Contains("no/such.ivf") && Catch::Contains("No such file"));
}

}  // namespace sotto::client::mediafile::test
