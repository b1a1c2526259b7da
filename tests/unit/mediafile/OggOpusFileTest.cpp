// Ogg Opus: what is written is read back; damaged and foreign files are refused with place and reason.
#include <catch2/catch.hpp>

#include "tests/unit/mediafile/MediaFileTestSupport.hpp"

namespace sotto::client::mediafile::test {
namespace {

Bytes opusPacket(uint8_t fill, size_t size = 80) {
  Bytes packet(size, fill);
  packet[0] = 31 << 3;  // 20 ms, one frame
  return packet;
}

Bytes writeTestOpus(const std::string& path, const std::vector<Bytes>& packets) {
  auto writer = OggOpusWriter::create(path);
  if (!writer) throw std::runtime_error(writer.error().message);
  for (size_t i = 0; i < packets.size(); ++i) REQUIRE(writer->write(packets[i], i * 960));
  REQUIRE(writer->close());
  return readFile(path);
}

std::string errorOf(const Bytes& bytes) {
  const auto file = OggOpusFile::parse("x.opus", bytes);
  return file ? "" : file.error().message;
}

}  // namespace

TEST_CASE("The first bytes of an Opus packet tell how long it plays") {
  using base::TimeDelta;
  CHECK(opusPacketDuration(Bytes{31 << 3}) == TimeDelta::millis(20));
  CHECK(opusPacketDuration(Bytes{28 << 3}) == TimeDelta::micros(2'500));
  CHECK(opusPacketDuration(Bytes{31 << 3 | 1}) == TimeDelta::millis(40));
  CHECK(opusPacketDuration(Bytes{3 << 3}) == TimeDelta::millis(60));
  CHECK(opusPacketDuration(Bytes{13 << 3 | 2}) == TimeDelta::millis(40));
  CHECK(opusPacketDuration(Bytes{31 << 3 | 3, 6}) == TimeDelta::millis(120));
  CHECK(opusPacketDuration(Bytes{31 << 3 | 3, 7}) == TimeDelta::zero());
  CHECK(opusPacketDuration(Bytes{31 << 3 | 3}) == TimeDelta::zero());
  CHECK(opusPacketDuration({}) == TimeDelta::zero());
}

TEST_CASE("Packets written to Ogg are read back byte for byte, also over page borders") {
  const WorkDirectory work("ogg-roundtrip");
  std::vector<Bytes> packets;
  for (size_t i = 0; i < 200; ++i) packets.push_back(opusPacket(static_cast<uint8_t>(i), 1 + i * 7 % 1'300));
  packets.push_back(opusPacket(9, 70'000));  // longer than any page
  packets.push_back(opusPacket(8, 255));
  const std::string path = work.file("a.opus");
  writeTestOpus(path, packets);
  const auto file = OggOpusFile::load(path);
  REQUIRE(file);
  REQUIRE(file->packetCount() == packets.size());
  for (size_t i = 0; i < packets.size(); ++i) CHECK(toBytes(file->packet(i)) == packets[i]);
  CHECK(file->channels() == 2);
  CHECK(file->duration() == base::TimeDelta::millis(20 * static_cast<int64_t>(packets.size())));
}

TEST_CASE("A cut Ogg file is refused wherever it is cut") {
  const WorkDirectory work("ogg-cut");
  std::vector<Bytes> packets(120, opusPacket(3));
  const Bytes whole = writeTestOpus(work.file("a.opus"), packets);
  for (size_t size = 0; size < whole.size(); size += size < 600 ? 1 : 37) {
    const std::string error = errorOf({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    INFO("cut at " << size);
    CHECK_THAT(error, Catch::StartsWith("x.opus: "));
  }
  CHECK(errorOf(whole).empty());
}

TEST_CASE("A changed byte anywhere is found by the page's checksum or the parser") {
  const WorkDirectory work("ogg-damage");
  const Bytes whole = writeTestOpus(work.file("a.opus"), std::vector<Bytes>(30, opusPacket(5)));
  for (size_t i = 0; i < whole.size(); i += 11) {
    Bytes damaged = whole;
    damaged[i] ^= 0x10;
    INFO("byte " << i);
    CHECK_THAT(errorOf(damaged), Catch::StartsWith("x.opus: at byte "));
  }
}

TEST_CASE("Foreign files are named for what is wrong in them (Ogg)") {
  CHECK_THAT(errorOf(Bytes(100, 'x')), Catch::Contains("at byte 0") && Catch::Contains("not an Ogg file"));
  CHECK_THAT(errorOf({}), Catch::Contains("is empty"));
  const WorkDirectory work("ogg-foreign");
  auto writer = OggOpusWriter::create(work.file("b.opus"));
  REQUIRE(writer);
  REQUIRE(writer->write(Bytes{31 << 3 | 3, 63}, 0));
  REQUIRE(writer->close());
  CHECK_THAT(OggOpusFile::load(work.file("b.opus")).error().message, Catch::Contains("packet 0 is not Opus"));
  auto empty = OggOpusWriter::create(work.file("c.opus"));
  REQUIRE(empty);
  const auto closed = empty->close();
  INFO((closed ? "" : closed.error().message));
  REQUIRE(closed);
  CHECK_THAT(OggOpusFile::load(work.file("c.opus")).error().message, Catch::Contains("c.opus: at byte"));
  CHECK_FALSE(OggOpusWriter::create(work.file("no/such.opus")));
}

}  // namespace sotto::client::mediafile::test
