#include "media/frame/FrameMetadata.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "media/base/Random.hpp"

namespace {

using namespace sotto;
using namespace sotto::frame;
using nlohmann::json;

std::vector<uint8_t> fromHex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

FrameMetadata metadataOf(const json& entry) {
  FrameMetadata metadata;
  metadata.video = entry.at("video");
  metadata.keyFrame = entry.at("key_frame");
  metadata.discardable = entry.at("discardable");
  metadata.temporalSwitchingPoint = entry.at("switching_point");
  metadata.spatialIndex = entry.at("spatial");
  metadata.temporalIndex = entry.at("temporal");
  metadata.width = entry.at("width").is_null() ? uint16_t{0} : entry.at("width").get<uint16_t>();
  metadata.height = entry.at("height").is_null() ? uint16_t{0} : entry.at("height").get<uint16_t>();
  metadata.keyId = std::stoull(entry.at("kid_hex").get<std::string>(), nullptr, 16);
  metadata.counter = std::stoull(entry.at("ctr_hex").get<std::string>(), nullptr, 16);
  metadata.clearLength = entry.at("clear_len");
  metadata.suite = static_cast<Suite>(std::stoul(entry.at("suite").get<std::string>(), nullptr, 16));
  return metadata;
}

/// A sealed frame of zeros with this trailer.
std::vector<uint8_t> frameWith(const FrameMetadata& metadata, size_t body = 64) {
  std::array<uint8_t, FrameMetadata::maxEncodedSize> trailer{};
  const size_t size = writeFrameMetadata(metadata, trailer);
  std::vector<uint8_t> frame(body);
  frame.insert(frame.end(), trailer.begin(), trailer.begin() + static_cast<ptrdiff_t>(size));
  return frame;
}

MetadataError errorOf(const std::vector<uint8_t>& frame) {
  const auto parsed = parseFrameMetadata(frame);
  REQUIRE_FALSE(parsed);
  return parsed.error();
}

FrameMetadata someVideo() {
  FrameMetadata metadata;
  metadata.video = true;
  metadata.keyFrame = true;
  metadata.width = 1280;
  metadata.height = 720;
  metadata.keyId = 0x10000;
  metadata.counter = 0x1234;
  metadata.clearLength = 10;
  return metadata;
}

}  // namespace

TEST_CASE("Every trailer of the known answers is read and written byte for byte", "[metadata]") {
  std::ifstream in(std::string(SOTTO_TEST_DATA) + "/sotto-frames.json");
  REQUIRE(in);
  int entries = 0;
  const json file = json::parse(in);
  for (const json& entry : file.at("frames")) {
    INFO("entry " << entries++);
    const FrameMetadata expected = metadataOf(entry);
    const auto trailer = fromHex(entry.at("frame_metadata"));
    const auto sealed = fromHex(entry.at("sframe_payload"));
    const auto parsed = parseFrameMetadata(sealed);
    REQUIRE(parsed);
    CHECK(parsed->metadata == expected);
    CHECK(parsed->encodedSize == trailer.size());
    std::array<uint8_t, FrameMetadata::maxEncodedSize> out{};
    const size_t size = writeFrameMetadata(expected, out);
    CHECK(std::vector<uint8_t>(out.begin(), out.begin() + static_cast<ptrdiff_t>(size)) == trailer);
    const auto header = fromHex(entry.at("sframe_header"));
    const size_t headerSize = writeSFrameHeader(expected.keyId, expected.counter, out);
    CHECK(std::vector<uint8_t>(out.begin(), out.begin() + static_cast<ptrdiff_t>(headerSize)) == header);
  }
  CHECK(entries == 12);
}

TEST_CASE("Any metadata comes back as it was written", "[metadata]") {
  const uint64_t seed = GENERATE(1U, 2U, 3U);
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  for (int round = 0; round < 5'000; ++round) {
    FrameMetadata metadata;
    const uint32_t bits = random.u32();
    metadata.video = bits & 1;
    metadata.keyFrame = bits & 2;
    metadata.discardable = bits & 4;
    metadata.temporalSwitchingPoint = bits & 8;
    if (metadata.video) {
      metadata.spatialIndex = bits >> 4 & 7;
      metadata.temporalIndex = bits >> 7 & 7;
    }
    if (bits & 1024 || metadata.keyFrame) {
      metadata.width = static_cast<uint16_t>(random.u32());
      metadata.height = static_cast<uint16_t>(random.u32());
    }
    metadata.keyId = uint64_t{1 + random.u32() % 65'535} << 16 | (random.u32() & 0xFFFF);
    metadata.counter = random.u64() >> random.u32() % 64;
    metadata.clearLength = static_cast<uint16_t>(random.u32() % 33);
    metadata.suite = std::array{Suite::Duo, Suite::Aes128Gcm, Suite::Aes256Gcm}[random.u32() % 3];
    const auto frame = frameWith(metadata, 65);
    const auto parsed = parseFrameMetadata(frame);
    REQUIRE(parsed);
    REQUIRE(parsed->metadata == metadata);
    REQUIRE(parsed->encodedSize == frame.size() - 65);
  }
}

TEST_CASE("Each lie in a trailer is refused by its name", "[metadata]") {
  const auto good = frameWith(someVideo());
  REQUIRE(parseFrameMetadata(good));
  const size_t end = good.size();
  const size_t trailer = good[end - 2];
  const auto with = [&](size_t fromEnd, uint8_t value) {
    auto frame = good;
    frame[end - fromEnd] = value;
    return frame;
  };
  CHECK(errorOf({}) == MetadataError::TooShort);
  CHECK(errorOf({1, 2, 3, 4, 5, 0x51}) == MetadataError::TooShort);
  CHECK(errorOf(with(1, 0)) == MetadataError::Version);
  CHECK(errorOf(with(2, 255)) == MetadataError::Length);        // past the frame
  CHECK(errorOf(with(2, 6)) == MetadataError::Length);          // below the minimum
  CHECK(errorOf(with(trailer, 0xD1)) == MetadataError::Flags);  // reserved bit
  CHECK(errorOf(with(trailer, 0xC0)) == MetadataError::Flags);  // key frame without size
  CHECK(errorOf(with(trailer - 1, 0x41)) == MetadataError::Layer);
  CHECK(errorOf(with(3, 0x06)) == MetadataError::Suite);
  CHECK(errorOf(with(5, 0xFF)) == MetadataError::ClearLength);
  CHECK(errorOf(with(2, static_cast<uint8_t>(trailer + 1))) != MetadataError::Version);

  FrameMetadata metadata = someVideo();
  metadata.keyId = 0xFFFF;
  CHECK(errorOf(frameWith(metadata)) == MetadataError::Sender);
  metadata.keyId = uint64_t{0x10000} << 16;
  CHECK(errorOf(frameWith(metadata)) == MetadataError::Sender);

  metadata = someVideo();
  metadata.clearLength = 32;
  CHECK(parseFrameMetadata(frameWith(metadata, 64)));
  CHECK(errorOf(frameWith(metadata, 63)) == MetadataError::ClearLength);
}

TEST_CASE("An SFrame header that is not in its shortest form is refused", "[metadata]") {
  // Audio: flags, header, clear_len 0, suite, length, version, after 40 bytes of frame.
  const auto frame = [](std::vector<uint8_t> header) {
    std::vector<uint8_t> bytes(40);
    bytes.push_back(0);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.insert(bytes.end(), {0, 0, 0xD0, static_cast<uint8_t>(header.size() + 6), 0x51});
    return bytes;
  };
  CHECK(parseFrameMetadata(frame({0xA7, 1, 0, 0})));
  CHECK(errorOf(frame({0xB7, 0, 1, 0, 0})) == MetadataError::SFrameHeader);     // leading zero in the KID
  CHECK(errorOf(frame({0xA8, 1, 0, 0, 7})) == MetadataError::SFrameHeader);     // a CTR that fits the config
  CHECK(errorOf(frame({0xA9, 1, 0, 0, 0, 9})) == MetadataError::SFrameHeader);  // leading zero in the CTR
  CHECK(errorOf(frame({0xA7, 1, 0, 0, 0})) == MetadataError::SFrameHeader);     // a byte too many
  CHECK(errorOf(frame({0xB7, 1, 0, 0})) == MetadataError::SFrameHeader);        // a byte too few
}

TEST_CASE("A trailer that does not fit is not written", "[metadata]") {
  std::array<uint8_t, FrameMetadata::maxEncodedSize> out{};
  const size_t size = writeFrameMetadata(someVideo(), out);
  for (size_t room = 0; room < size; ++room) {
    CHECK(writeFrameMetadata(someVideo(), base::MutableByteView(out).first(room)) == 0);
  }
  CHECK(writeFrameMetadata(someVideo(), base::MutableByteView(out).first(size)) == size);
}

TEST_CASE("The MAC is 32 bytes in duo and 16 in GCM", "[metadata]") {
  CHECK(macLength(Suite::Duo) == 32);
  CHECK(macLength(Suite::Aes128Gcm) == 16);
  CHECK(macLength(Suite::Aes256Gcm) == 16);
}
