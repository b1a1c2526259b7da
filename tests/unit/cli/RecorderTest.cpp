// Recordings: names, times, and frames byte for byte.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "client/native/cli/Recorder.hpp"

namespace sotto::client::cli {
namespace {

using base::Timestamp;
using Bytes = std::vector<uint8_t>;

class Directory {
 public:
  Directory()
      : path_(std::filesystem::path(SOTTO_WORK_DIR) / ("recordings-" + std::to_string(getpid())) / "deep") {}
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_.parent_path(), ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::string path() const { return path_.string(); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

Bytes vp8(bool key, uint8_t fill) {
  Bytes frame(200, fill);
  frame[0] = key ? 0x10 : 0x11;
  const Bytes start{0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00};
  if (key) std::copy(start.begin(), start.end(), frame.begin() + 3);
  return frame;
}

call::RemoteFrame frameOf(const std::string& id, const std::string& name, const Bytes& data, bool key,
                          int64_t rtp, int64_t receivedMs) {
  call::RemoteFrame frame;
  frame.participant = id;
  frame.name = name;
  frame.codec = frame::CodecType::Vp8;
  frame.data = data;
  frame.metadata.video = true;
  frame.metadata.keyFrame = key;
  frame.rtpTimestamp = rtp;
  frame.clockRate = 90'000;
  frame.received = Timestamp::millis(receivedMs);
  frame.slot = "5";
  return frame;
}

}  // namespace

TEST_CASE("Names become file names that stay in their directory") {
  CHECK(fileNamePart("alice") == "alice");
  CHECK(fileNamePart("../../etc/passwd") == "_.._.._etc_passwd");
  CHECK(fileNamePart("") == "_");
  CHECK(fileNamePart("a b\n") == "a_b_");
  CHECK(fileNamePart(std::string(500, 'x')).size() == 100);
}

TEST_CASE("Video is recorded from its first key frame on, byte for byte and by the RTP clock") {
  const Directory directory;
  auto recorder = Recorder::open(directory.path());
  REQUIRE(recorder);
  const Bytes lost = vp8(false, 9), key = vp8(true, 1), delta = vp8(false, 2);
  REQUIRE(recorder->write(frameOf("p1", "alice", lost, false, 500'000, 0)));
  CHECK(recorder->pathOf("p1", call::TrackSource::Camera).empty());
  REQUIRE(recorder->write(frameOf("p1", "alice", key, true, 1'000'000, 1'000)));
  // Arrives late, but belongs 33 ms behind the key frame.
  REQUIRE(recorder->write(frameOf("p1", "alice", delta, false, 1'003'000, 1'300)));
  REQUIRE(recorder->close());
  CHECK(recorder->pathOf("p1", call::TrackSource::Camera) == directory.file("alice-camera.ivf"));
  const auto file = mediafile::IvfFile::load(directory.file("alice-camera.ivf"));
  REQUIRE(file);
  REQUIRE(file->entries().size() == 2);
  CHECK(std::equal(key.begin(), key.end(), file->frame(0).begin(), file->frame(0).end()));
  CHECK(std::equal(delta.begin(), delta.end(), file->frame(1).begin(), file->frame(1).end()));
  CHECK(file->entries()[1].timestamp == 3'000);
}

TEST_CASE("Two people of one name have files of their own, and so has a changed codec") {
  const Directory directory;
  auto recorder = Recorder::open(directory.path());
  REQUIRE(recorder);
  const Bytes key = vp8(true, 1);
  REQUIRE(recorder->write(frameOf("p1", "alice", key, true, 0, 0)));
  REQUIRE(recorder->write(frameOf("p2", "alice", key, true, 0, 0)));
  call::RemoteFrame other = frameOf("p1", "alice", key, true, 3'000, 33);
  other.codec = frame::CodecType::Vp9;
  REQUIRE(recorder->write(other));
  REQUIRE(recorder->close());
  for (const char* name : {"alice-camera.ivf", "alice-camera-2.ivf", "alice-camera-3.ivf"}) {
    CHECK(std::filesystem::exists(directory.file(name)));
  }
}

TEST_CASE("Audio is recorded as Ogg Opus") {
  const Directory directory;
  auto recorder = Recorder::open(directory.path());
  REQUIRE(recorder);
  Bytes packet(80, 3);
  packet[0] = 31 << 3;
  for (int i = 0; i < 50; ++i) {
    call::RemoteFrame frame = frameOf("p1", "bob", packet, false, 960 * i, 20 * i);
    frame.codec = frame::CodecType::Opus;
    frame.source = call::TrackSource::Microphone;
    frame.clockRate = 48'000;
    REQUIRE(recorder->write(frame));
  }
  REQUIRE(recorder->close());
  const auto file = mediafile::OggOpusFile::load(directory.file("bob-microphone.opus"));
  REQUIRE(file);
  CHECK(file->packetCount() == 50);
  CHECK(std::equal(packet.begin(), packet.end(), file->packet(49).begin(), file->packet(49).end()));
}

TEST_CASE("The recording's clock goes on by arrival when a stream changes its slot or its RTP clock jumps") {
  RecordingClock clock;
  call::RemoteFrame frame;
  frame.clockRate = 90'000;
  frame.slot = "5";
  frame.rtpTimestamp = 4'000'000'000;
  frame.received = Timestamp::millis(1'000);
  CHECK(clock.position(frame) == 0);
  frame.rtpTimestamp += 3'000;
  frame.received = Timestamp::millis(1'050);
  CHECK(clock.position(frame) == 3'000);
  frame.slot = "6";
  frame.rtpTimestamp = 17;
  frame.received = Timestamp::millis(1'150);
  CHECK(clock.position(frame) == 3'000 + 9'000);
  frame.rtpTimestamp = 90'000 * 3'600;
  frame.received = Timestamp::millis(1'160);
  CHECK(clock.position(frame) == 12'000 + 900);
  frame.rtpTimestamp = 5;
  frame.received = Timestamp::millis(1'160);
  CHECK(clock.position(frame) == 12'900);
}

TEST_CASE("A directory that cannot be made is named") {
  CHECK_THAT(Recorder::open("/proc/sotto").error().message,
             Catch::StartsWith("/proc/sotto: cannot be created"));
}

}  // namespace sotto::client::cli
