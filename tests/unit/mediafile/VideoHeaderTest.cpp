// Key frames and sizes read from VP8 and VP9 headers.
#include <catch2/catch.hpp>

#include "client/native/mediafile/VideoHeader.hpp"
#include "tests/unit/mediafile/MediaFileTestSupport.hpp"

namespace sotto::client::mediafile::test {

TEST_CASE("A VP8 key frame gives its size without the scaling bits, a delta frame none") {
  Bytes key = vp8KeyFrame(1280, 720);
  key[7] |= 0x40;  // horizontal scale
  const auto header = readVideoHeader(frame::CodecType::Vp8, key);
  REQUIRE(header);
  CHECK(header->keyFrame);
  CHECK(header->width == 1280);
  CHECK(header->height == 720);
  const auto delta = readVideoHeader(frame::CodecType::Vp8, vp8DeltaFrame(1));
  REQUIRE(delta);
  CHECK_FALSE(delta->keyFrame);
}

TEST_CASE("A VP8 key frame without start code, size or room is none") {
  Bytes key = vp8KeyFrame(1280, 720);
  for (size_t size = 0; size < 10; ++size) {
    CHECK_FALSE(readVideoHeader(frame::CodecType::Vp8, base::ByteView(key).first(size)));
  }
  key[3] = 0;
  CHECK_FALSE(readVideoHeader(frame::CodecType::Vp8, key));
  CHECK_FALSE(readVideoHeader(frame::CodecType::Vp8, vp8KeyFrame(0, 720)));
}

TEST_CASE("A VP9 key frame of profile 0 gives its size") {
  // Marker 2, profile 0, no show_existing, key frame, shown, not error resilient; sync code; BT.709, studio
  // range; 1280x720 as minus-one values.
  Bytes key{0x82, 0x49, 0x83, 0x42, 0x40, 0x4f, 0xf0, 0x2c, 0xf0, 0x00};
  const auto header = readVideoHeader(frame::CodecType::Vp9, key);
  REQUIRE(header);
  CHECK(header->keyFrame);
  CHECK(header->width == 1280);
  CHECK(header->height == 720);
  for (size_t size = 0; size < 8; ++size) {
    CHECK_FALSE(readVideoHeader(frame::CodecType::Vp9, base::ByteView(key).first(size)));
  }
  key[1] = 0;
  CHECK_FALSE(readVideoHeader(frame::CodecType::Vp9, key));
  const auto delta = readVideoHeader(frame::CodecType::Vp9, Bytes{0x86, 0x00});
  REQUIRE(delta);
  CHECK_FALSE(delta->keyFrame);
  CHECK_FALSE(readVideoHeader(frame::CodecType::Opus, key));
}

}  // namespace sotto::client::mediafile::test
