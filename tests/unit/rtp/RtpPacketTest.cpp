#include "media/rtp/RtpPacket.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "media/base/Random.hpp"
#include "media/rtp/Rtx.hpp"

namespace {

using namespace sotto;
using namespace sotto::rtp;

std::vector<uint8_t> fixedHeader(uint8_t first) {
  return {first, 0xE0, 0x12, 0x34, 0, 0, 0, 1, 0xAA, 0xBB, 0xCC, 0xDD};
}
base::ByteView bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

TEST_CASE("An RTP header comes back as it was written", "[rtp]") {
  const std::string mid = "0", longMid = "a-mid-that-is-longer-than-16-bytes";
  const std::array<uint8_t, 2> transport{0x12, 0x34};
  for (const bool twoByte : {false, true}) {
    const std::array<ExtensionElement, 4> elements{
        {{4, bytesOf(twoByte ? longMid : mid)}, {0, bytesOf(mid)}, {3, transport}, {14, transport}}};
    std::array<uint8_t, 128> out{};
    const RtpHeader header{true, 96, 65'535, 0xFFFFFFFF, 0x01020304};
    const size_t size = writeRtpHeader(header, elements, out);
    REQUIRE(size % 4 == 0);
    out[size] = 42;
    const auto view = RtpPacketView::parse(base::ByteView(out).first(size + 1));
    REQUIRE(view);
    CHECK(view->marker);
    CHECK(view->payloadType == 96);
    CHECK(view->sequenceNumber == 65'535);
    CHECK(view->timestamp == 0xFFFFFFFF);
    CHECK(view->ssrc == 0x01020304);
    CHECK(view->headerSize == size);
    REQUIRE(view->payload().size() == 1);
    CHECK(view->payload()[0] == 42);
    CHECK(view->extensionText(4) == (twoByte ? longMid : mid));
    REQUIRE(view->extension(14));
    CHECK(base::loadU16(view->extension(14)->data()) == 0x1234);
    CHECK_FALSE(view->extension(1));
    CHECK_FALSE(view->extension(0));
  }
}

TEST_CASE("A header without extensions takes 12 bytes and needs them", "[rtp]") {
  std::array<uint8_t, 12> out{};
  CHECK(writeRtpHeader({}, {}, out) == 12);
  CHECK(writeRtpHeader({}, {}, base::MutableByteView(out).first(11)) == 0);
}

TEST_CASE("Malformed RTP packets are named by what is wrong", "[rtp]") {
  const auto errorOf = [](const std::vector<uint8_t>& bytes) { return RtpPacketView::parse(bytes).error(); };
  CHECK(errorOf({0x80, 0, 0}) == ParseError::Truncated);
  CHECK(errorOf(fixedHeader(0x40)) == ParseError::Version);
  CHECK(errorOf(fixedHeader(0x81)) == ParseError::Truncated);  // CSRC missing
  CHECK(errorOf(fixedHeader(0x90)) == ParseError::Truncated);  // extension missing
  auto longExtension = fixedHeader(0x90);
  longExtension.insert(longExtension.end(), {0xBE, 0xDE, 0xFF, 0xFF});
  CHECK(errorOf(longExtension) == ParseError::BadLength);
  auto padding = fixedHeader(0xA0);
  padding.push_back(2);
  CHECK(errorOf(padding) == ParseError::BadPadding);
  padding.back() = 0;
  CHECK(errorOf(padding) == ParseError::BadPadding);
  padding.back() = 1;
  REQUIRE(RtpPacketView::parse(padding));
  CHECK(RtpPacketView::parse(padding)->payload().empty());
}

TEST_CASE("CSRCs, element padding and the stop element of the one-byte form are stepped over", "[rtp]") {
  auto bytes = fixedHeader(0x92);
  bytes.insert(bytes.end(), 8, 0x11);
  bytes.insert(bytes.end(), {0xBE, 0xDE, 0, 2, 0, 0, 0x10, 7, 0xF0, 0x20, 9, 0});
  bytes.push_back(0x99);
  const auto view = RtpPacketView::parse(bytes);
  REQUIRE(view);
  CHECK(view->headerSize == 12 + 8 + 4 + 8);
  REQUIRE(view->extension(1));
  CHECK((*view->extension(1))[0] == 7);
  CHECK_FALSE(view->extension(2));  // behind id 15
  CHECK(view->payload().size() == 1);
}

TEST_CASE("RTP and RTCP are told apart by their second byte", "[rtp]") {
  CHECK(looksLikeRtcp(std::vector<uint8_t>{0x80, 200, 0, 0}));
  CHECK(looksLikeRtcp(std::vector<uint8_t>{0x81, 223, 0, 0}));
  CHECK_FALSE(looksLikeRtcp(std::vector<uint8_t>{0x80, 96, 0, 0}));
  CHECK_FALSE(looksLikeRtcp(std::vector<uint8_t>{0x80}));
  CHECK(looksLikeRtp(fixedHeader(0x80)));
  CHECK_FALSE(looksLikeRtp(fixedHeader(0x20)));
}

TEST_CASE("Random bytes never make the RTP parser read out of bounds", "[rtp]") {
  const uint64_t seed = GENERATE(1U, 2U, 3U);
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<uint8_t> bytes(random.u32() % 64);
    random.fill(bytes);
    if (!bytes.empty()) bytes[0] = static_cast<uint8_t>(0x80 | (bytes[0] & 0x3F));
    const auto view = RtpPacketView::parse(bytes);
    if (!view) continue;
    for (uint8_t id = 0; id < 16; ++id) {
      if (const auto value = view->extension(id)) CHECK(value->size() <= bytes.size());
    }
    CHECK(view->headerSize + view->payload().size() + view->paddingSize == bytes.size());
  }
}

TEST_CASE("An RTX payload is the original sequence number and the original payload", "[rtp]") {
  const auto rtx = parseRtx(std::vector<uint8_t>{0x12, 0x34, 5});
  REQUIRE(rtx);
  CHECK(rtx->originalSequence == 0x1234);
  CHECK_FALSE(parseRtx(std::vector<uint8_t>{0x12}));
}
