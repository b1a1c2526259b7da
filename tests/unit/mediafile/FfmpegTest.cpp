// Real files: what ffmpeg encodes is read, written again, and played by ffmpeg with the same frames.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <sstream>

#include "client/native/mediafile/FileSources.hpp"
#include "tests/unit/mediafile/MediaFileTestSupport.hpp"

namespace sotto::client::mediafile::test {
namespace {

const std::string quiet = " -hide_banner -loglevel error -y ";

void run(const std::string& command) {
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

/// MD5 of each decoded frame, as ffmpeg prints them; fails on any complaint of the decoder.
std::vector<std::string> decodedFrames(const std::string& file, const std::string& list) {
  run(std::string(SOTTO_FFMPEG) + quiet + "-xerror -i " + file + " -f framemd5 " + list);
  std::ifstream lines(list);
  std::vector<std::string> hashes;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('#')) hashes.push_back(line.substr(line.rfind(',') + 1));
  }
  return hashes;
}

}  // namespace

TEST_CASE("VP8 and VP9 from ffmpeg go through reader and writer unchanged and play in ffmpeg") {
  const WorkDirectory work("ffmpeg-video");
  for (const auto& [encoder, codec] : {std::pair{"libvpx", frame::CodecType::Vp8},
                                       std::pair{"libvpx-vp9 -row-mt 1", frame::CodecType::Vp9}}) {
    const std::string original = work.file("original.ivf"), copy = work.file("copy.ivf");
    run(std::string(SOTTO_FFMPEG) + quiet + "-f lavfi -i testsrc2=size=320x180:rate=30 -t 2 -c:v " + encoder +
        " -deadline realtime -cpu-used 8 -b:v 200k -g 20 " + original);
    const auto file = IvfFile::load(original);
    REQUIRE(file);
    CHECK(file->codec() == codec);
    REQUIRE(file->entries().size() >= 60);
    CHECK(file->entries()[0].keyFrame);
    CHECK(file->entries()[0].width == 320);
    CHECK(file->entries()[0].height == 180);
    CHECK(file->timeOf(30).ms() == Approx(1'000).margin(1));

    auto writer = IvfWriter::create(copy, codec);
    REQUIRE(writer);
    for (size_t i = 0; i < file->entries().size(); ++i) {
      REQUIRE(writer->write(file->frame(i), static_cast<uint64_t>(file->timeOf(i).us()) * 9 / 100));
    }
    REQUIRE(writer->close());
    const auto again = IvfFile::load(copy);
    REQUIRE(again);
    REQUIRE(again->entries().size() == file->entries().size());
    for (size_t i = 0; i < file->entries().size(); ++i) {
      REQUIRE(toBytes(again->frame(i)) == toBytes(file->frame(i)));
    }
    const auto expected = decodedFrames(original, work.file("original.md5"));
    CHECK(expected.size() >= 60);
    CHECK(decodedFrames(copy, work.file("copy.md5")) == expected);
  }
}

TEST_CASE("Opus from ffmpeg goes through reader and writer unchanged and plays in ffmpeg") {
  const WorkDirectory work("ffmpeg-audio");
  const std::string original = work.file("original.opus"), copy = work.file("copy.opus");
  run(std::string(SOTTO_FFMPEG) + quiet +
      "-f lavfi -i sine=frequency=440:sample_rate=48000 -t 3 -ac 2 -c:a libopus " + original);
  const auto file = OggOpusFile::load(original);
  REQUIRE(file);
  CHECK(file->channels() == 2);
  CHECK(file->duration().ms() == Approx(3'000).margin(40));
  auto writer = OggOpusWriter::create(copy);
  REQUIRE(writer);
  uint64_t position = 0;
  for (size_t i = 0; i < file->packetCount(); ++i) {
    REQUIRE(writer->write(file->packet(i), position));
    position += static_cast<uint64_t>(opusPacketDuration(file->packet(i)).us()) * 48 / 1'000;
  }
  REQUIRE(writer->close());
  const auto again = OggOpusFile::load(copy);
  REQUIRE(again);
  REQUIRE(again->packetCount() == file->packetCount());
  for (size_t i = 0; i < file->packetCount(); ++i) {
    REQUIRE(toBytes(again->packet(i)) == toBytes(file->packet(i)));
  }
  CHECK(decodedFrames(copy, work.file("copy.md5")).size() >= 149);

  // A sine at ffmpeg's default amplitude of 1/8 lies about 21 dB below full scale.
  const auto source = openAudioFile(original);
  REQUIRE(source);
  uint8_t level = 127;
  for (int i = 0; i < 50; ++i) level = (*source)->next(0).audioLevel;
  CHECK(level >= 18);
  CHECK(level <= 24);
}

TEST_CASE("A recording with a gap keeps the gap for a player") {
  const WorkDirectory work("ffmpeg-gap");
  const std::string original = work.file("original.opus"), copy = work.file("gap.opus");
  run(std::string(SOTTO_FFMPEG) + quiet +
      "-f lavfi -i sine=frequency=440:sample_rate=48000 -t 2 -c:a libopus " + original);
  const auto file = OggOpusFile::load(original);
  REQUIRE(file);
  auto writer = OggOpusWriter::create(copy, file->channels());
  REQUIRE(writer);
  for (size_t i = 0; i < file->packetCount(); ++i) {
    REQUIRE(writer->write(file->packet(i), i * 960 + (i >= 50 ? 48'000 * 3 : 0)));
  }
  REQUIRE(writer->close());
  const std::string list = work.file("packets.txt");
  run(std::string(SOTTO_FFPROBE) + " -v error -show_entries packet=pts_time -of csv=p=0 " + copy + " > " +
      list);
  std::ifstream lines(list);
  double previous = 0, longest = 0, last = 0;
  for (std::string line; std::getline(lines, line); previous = last) {
    if (line.empty() || line.starts_with("N/A")) continue;
    last = std::stod(line);
    longest = std::max(longest, last - previous);
  }
  CHECK(longest == Approx(3.02).margin(0.03));
  CHECK(last == Approx(4.98).margin(0.06));
}

}  // namespace sotto::client::mediafile::test
