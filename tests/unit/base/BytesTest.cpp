// The bounds-checked reader and writer.
#include "media/base/Bytes.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "media/base/Random.hpp"

using namespace sotto::base;
using Bytes = std::vector<uint8_t>;

TEST_CASE("Numbers are written big-endian and read back") {
  Bytes bytes(18);
  ByteWriter writer(bytes);
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u24(0x040506);
  writer.u32(0x0708090a);
  writer.u64(0x0b0c0d0e0f101112);
  REQUIRE(writer.ok());
  CHECK(writer.remaining() == 0);
  for (size_t i = 0; i < bytes.size(); ++i) CHECK(bytes[i] == i + 1);

  ByteReader reader(bytes);
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u24() == 0x040506);
  CHECK(reader.u32() == 0x0708090a);
  CHECK(reader.u64() == 0x0b0c0d0e0f101112);
  CHECK(reader.ok());
  CHECK(reader.remaining() == 0);
}

TEST_CASE("The highest bits survive") {
  Bytes bytes(8, 0xff);
  CHECK(loadU16(bytes.data()) == 0xffff);
  CHECK(loadU24(bytes.data()) == 0xffffff);
  CHECK(loadU32(bytes.data()) == 0xffffffff);
  CHECK(loadU64(bytes.data()) == ~uint64_t{0});
  storeU24(bytes.data(), 0x123456);
  CHECK(bytes[3] == 0xff);
}

TEST_CASE("A reader that once failed yields nothing more") {
  const Bytes bytes{1, 2, 3};
  ByteReader reader(bytes);
  CHECK(reader.u16() == 0x0102);
  CHECK(reader.u16() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);
  CHECK(reader.bytes(1).empty());
  CHECK(reader.rest().empty());
  CHECK(reader.remaining() == 0);
  CHECK(reader.position() == 2);
}

TEST_CASE("A reader takes no length on trust") {
  const Bytes bytes{1, 2, 3};
  ByteReader huge(bytes);
  CHECK(huge.bytes(~size_t{0}).empty());
  CHECK_FALSE(huge.ok());
  ByteReader skipping(bytes);
  skipping.skip(2);
  skipping.skip(~size_t{0} - 1);
  CHECK_FALSE(skipping.ok());
  ByteReader empty(ByteView{});
  CHECK(empty.bytes(0).empty());
  CHECK(empty.ok());
  CHECK(empty.u8() == 0);
  CHECK_FALSE(empty.ok());
}

TEST_CASE("Views are parts of what is read") {
  const Bytes bytes{1, 2, 3, 4};
  ByteReader reader(bytes);
  reader.skip(1);
  const ByteView two = reader.bytes(2);
  CHECK(two.data() == bytes.data() + 1);
  CHECK(reader.rest().size() == 1);
  CHECK(reader.rest()[0] == 4);
}

TEST_CASE("A writer never writes past its end, and once failed stays failed") {
  Bytes bytes(5, 0xee);
  ByteWriter writer(MutableByteView(bytes).first(4));
  writer.u24(1);
  writer.u16(2);
  CHECK_FALSE(writer.ok());
  writer.u8(3);
  writer.bytes(Bytes{4});
  writer.fill(5, 1);
  CHECK(writer.position() == 3);
  CHECK(writer.written().size() == 3);
  CHECK(bytes == Bytes{0, 0, 1, 0xee, 0xee});
  ByteWriter filler(bytes);
  filler.fill(9, 2);
  filler.bytes({});
  CHECK(filler.ok());
  filler.fill(0, 1000);
  CHECK_FALSE(filler.ok());
  CHECK(bytes == Bytes{9, 9, 1, 0xee, 0xee});
}

TEST_CASE("Seeded random numbers repeat, and differ for each seed") {
  SeededRandom a(1), b(1), c(2);
  Bytes first(100), second(100), third(100);
  a.fill(first);
  b.fill(second);
  c.fill(third);
  CHECK(first == second);
  CHECK(first != third);
  CHECK(a.u64() == b.u64());
  SystemRandom system;
  CHECK(system.u64() != system.u64());
}
