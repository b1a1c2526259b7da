// Payload descriptors against known answers (tests/vectors) and both ways.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "media/base/Random.hpp"
#include "media/rtp/Vp8Descriptor.hpp"
#include "media/rtp/Vp8FrameHeader.hpp"
#include "media/rtp/Vp9Descriptor.hpp"
#include "media/rtp/Vp9FrameHeader.hpp"

namespace {

using namespace sotto;
using namespace sotto::rtp;
using nlohmann::json;

json vectors(const std::string& name) {
  std::ifstream in(std::string(SOTTO_TEST_DATA) + "/" + name);
  REQUIRE(in);
  return json::parse(in).at("vectors");
}

std::vector<uint8_t> fromHex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

}  // namespace

TEST_CASE("Every VP8 descriptor of the known answers is read as they say", "[rtp]") {
  const json entries = vectors("vp8-rtp-descriptor.json");
  REQUIRE(entries.size() > 10);
  for (const json& entry : entries) {
    INFO(entry.at("name"));
    const auto payload = fromHex(entry.at("payload"));
    const auto descriptor = parseVp8Descriptor(payload);
    if (entry.contains("error")) {
      CHECK_FALSE(descriptor);
      continue;
    }
    REQUIRE(descriptor);
    CHECK(descriptor->size == entry.at("descriptor_length").get<int>());
    CHECK(descriptor->nonReference == (entry.at("N") == 1));
    CHECK(descriptor->startOfPartition == (entry.at("S") == 1));
    CHECK(descriptor->partitionIndex == entry.at("PID").get<int>());
    CHECK(descriptor->pictureId == entry.value("picture_id", -1));
    CHECK(descriptor->tl0PicIdx == entry.value("tl0picidx", -1));
    CHECK(int{descriptor->temporalId} == entry.value("tid", -1));
    CHECK(int{descriptor->keyIndex} == entry.value("keyidx", -1));
    CHECK(descriptor->layerSync == (entry.value("y", 0) == 1));
  }
}

TEST_CASE("A VP8 descriptor comes back as it was written, whatever fields it has", "[rtp]") {
  for (unsigned fields = 0; fields < 256; ++fields) {
    INFO("fields " << fields);
    Vp8Descriptor written;
    written.nonReference = fields & 1;
    written.startOfPartition = fields & 2;
    if (fields & 4) written.pictureId = fields & 8 ? 0x1234 : 0x56;
    written.longPictureId = fields & 4 && fields & 8;
    if (fields & 16) written.tl0PicIdx = 255;
    if (fields & 32) written.temporalId = 2;
    written.layerSync = fields & 32 && fields & 64;
    if (fields & 128) written.keyIndex = 31;
    std::array<uint8_t, Vp8Descriptor::maxSize> out{};
    const size_t size = writeVp8Descriptor(written, out);
    written.size = static_cast<uint8_t>(size);
    REQUIRE(size > 0);
    const auto read = parseVp8Descriptor(base::ByteView(out).first(size));
    REQUIRE(read);
    CHECK(*read == written);
    CHECK(writeVp8Descriptor(written, base::MutableByteView(out).first(size - 1)) == 0);
  }
}

TEST_CASE("Every VP9 descriptor of the known answers is read as they say", "[rtp]") {
  const json entries = vectors("vp9-rtp-descriptor.json");
  REQUIRE(entries.size() > 10);
  for (const json& entry : entries) {
    INFO(entry.at("name"));
    const auto payload = fromHex(entry.at("payload"));
    const auto descriptor = parseVp9Descriptor(payload);
    if (entry.contains("error")) {
      CHECK_FALSE(descriptor);
      continue;
    }
    REQUIRE(descriptor);
    // "descriptor_length" of one flexible-mode entry says what RFC 9628 says: no TL0PICIDX there.
    CHECK(descriptor->size == entry.at("descriptor_length").get<size_t>());
    CHECK(descriptor->interPicturePredicted == entry.at("P"));
    CHECK(descriptor->flexible == entry.at("F"));
    CHECK(descriptor->startOfFrame == entry.at("B"));
    CHECK(descriptor->endOfFrame == entry.at("E"));
    CHECK(descriptor->notReferenceForSpatial == entry.at("Z"));
    CHECK(descriptor->scalabilityStructure.empty() == !entry.at("V").get<bool>());
    CHECK(descriptor->pictureId == entry.value("PictureID", -1));
    CHECK(int{descriptor->temporalId} == entry.value("TID", -1));
    CHECK(int{descriptor->spatialId} == entry.value("SID", -1));
    CHECK(descriptor->switchingUpPoint == entry.value("U", false));
    CHECK(descriptor->interLayerPredicted == entry.value("D", false));
    CHECK(descriptor->tl0PicIdx == entry.value("TL0PICIDX", -1));
    const auto references = entry.value("PDiff", std::vector<int>{});
    REQUIRE(descriptor->referenceCount == references.size());
    for (size_t i = 0; i < references.size(); ++i) CHECK(descriptor->references[i] == references[i]);
    std::array<uint8_t, 64> out{};
    // Written again it is byte for byte what was read.
    const size_t size = writeVp9Descriptor(*descriptor, out);
    REQUIRE(size == descriptor->size);
    CHECK(std::equal(out.begin(), out.begin() + static_cast<ptrdiff_t>(size), payload.begin()));
  }
}

TEST_CASE("Every VP9 scalability structure of the known answers is taken apart as they say", "[rtp]") {
  int seen = 0;
  const json entries = vectors("vp9-rtp-descriptor.json");
  REQUIRE(entries.size() > 10);
  for (const json& entry : entries) {
    if (entry.contains("error") || !entry.at("V").get<bool>()) continue;
    INFO(entry.at("name"));
    ++seen;
    const auto payload = fromHex(entry.at("payload"));
    const auto structure = parseVp9ScalabilityStructure(parseVp9Descriptor(payload)->scalabilityStructure);
    REQUIRE(structure);
    CHECK(structure->layerCount == entry.at("NS").get<int>() + 1);
    CHECK(structure->hasSizes == entry.at("Y"));
    CHECK(structure->hasPictureGroup == entry.at("G"));
    for (size_t i = 0; structure->hasSizes && i < structure->layerCount; ++i) {
      CHECK(structure->widths[i] == entry.at("Width")[i].get<int>());
      CHECK(structure->heights[i] == entry.at("Height")[i].get<int>());
    }
    CHECK(structure->pictureCount == entry.value("NG", 0));
    for (size_t i = 0; i < structure->pictureCount; ++i) {
      CHECK(structure->pictures[i].temporalId == entry.at("PGTID")[i].get<int>());
      CHECK(structure->pictures[i].switchingUpPoint == entry.at("PGU")[i].get<bool>());
      REQUIRE(structure->pictures[i].referenceCount == entry.at("PGPDiff")[i].size());
      for (size_t r = 0; r < structure->pictures[i].referenceCount; ++r) {
        CHECK(structure->pictures[i].references[r] == entry.at("PGPDiff")[i][r].get<int>());
      }
    }
  }
  CHECK(seen >= 4);
}

TEST_CASE("A VP8 key frame shows its size, a delta frame does not", "[rtp]") {
  // 640x360 with scaling bits set: they do not belong to the size.
  const std::vector<uint8_t> key{0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x42, 0x68, 0x81};
  const auto header = parseVp8FrameHeader(key);
  REQUIRE(header);
  CHECK(header->keyFrame);
  CHECK(header->width == 640);
  CHECK(header->height == 360);
  CHECK(parseVp8FrameHeader(base::ByteView(key).first(9)).error() == ParseError::Truncated);
  auto wrongStart = key;
  wrongStart[4] = 0;
  CHECK(parseVp8FrameHeader(wrongStart).error() == ParseError::BadValue);
  const auto delta = parseVp8FrameHeader(std::vector<uint8_t>{0x11, 0, 0});
  REQUIRE(delta);
  CHECK_FALSE(delta->keyFrame);
}

TEST_CASE("A VP9 key frame shows its size, a delta frame does not", "[rtp]") {
  // Profile 0, show_frame, sync code, color_space 1, range 0, 1280x720.
  const std::vector<uint8_t> key{0x82, 0x49, 0x83, 0x42, 0x20, 0x4F, 0xF0, 0x2C, 0xF0};
  const auto header = parseVp9FrameHeader(key);
  REQUIRE(header);
  CHECK(header->keyFrame);
  CHECK(header->width == 1280);
  CHECK(header->height == 720);
  CHECK(parseVp9FrameHeader(base::ByteView(key).first(8)).error() == ParseError::Truncated);
  CHECK(parseVp9FrameHeader(std::vector<uint8_t>{0x42}).error() == ParseError::BadValue);
  const auto delta = parseVp9FrameHeader(std::vector<uint8_t>{0x86, 0});
  REQUIRE(delta);
  CHECK_FALSE(delta->keyFrame);
}

TEST_CASE("Whatever a descriptor parser takes from random bytes lies within them", "[rtp]") {
  const uint64_t seed = GENERATE(11U, 12U);
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<uint8_t> bytes(random.u32() % 40);
    random.fill(bytes);
    if (const auto vp8 = parseVp8Descriptor(bytes)) CHECK(vp8->size <= bytes.size());
    if (const auto vp9 = parseVp9Descriptor(bytes)) CHECK(vp9->size <= bytes.size());
    parseVp8FrameHeader(bytes);
    parseVp9FrameHeader(bytes);
  }
}
