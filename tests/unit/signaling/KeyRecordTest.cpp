#include "signaling/KeyRecord.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "media/base/Random.hpp"

namespace sotto::signaling {

TEST_CASE("Id ranges hold what was added, joined where they touch") {
  IdRanges ranges;
  for (const uint32_t id : {5u, 7u, 6u, 1u, 9u, 10u, 5u}) ranges.add(id);
  CHECK(ranges.ranges() == std::vector<IdRanges::Range>{{1, 1}, {5, 7}, {9, 10}});
  CHECK(ranges.contains(6));
  CHECK_FALSE(ranges.contains(8));
  CHECK_FALSE(ranges.contains(0));
}

TEST_CASE("Id ranges agree with a set over random ids") {
  base::SeededRandom random(11);
  IdRanges ranges;
  std::set<uint32_t> model;
  for (int i = 0; i < 2000; ++i) {
    const uint32_t id = random.u32() % 700;
    ranges.add(id);
    model.insert(id);
    const uint32_t probe = random.u32() % 700;
    INFO("seed 11, step " << i << ", id " << probe);
    REQUIRE(ranges.contains(probe) == model.contains(probe));
  }
  for (size_t i = 1; i < ranges.ranges().size(); ++i) {
    CHECK(ranges.ranges()[i - 1].second + 1 < ranges.ranges()[i].first);
  }
}

TEST_CASE("Scattered ids are noticed, ids that count up never are") {
  IdRanges scattered;
  for (uint32_t id = 0; id < 2 * (IdRanges::maxRanges + 1); id += 2) scattered.add(id);
  CHECK(scattered.tooScattered());
  IdRanges counting;
  for (uint32_t id = 1000; id < 100'000; ++id) counting.add(id);
  CHECK(counting.ranges().size() == 1);
}

TEST_CASE("A key record comes back as it was written, and other texts are none") {
  KeyRecord record{std::string("\x05\x00\xff key", 7), 16380, {7, "k", "s"}, IdRanges({{1, 3}, {9, 9}})};
  const auto read = readRecord(writeRecord(record));
  REQUIRE(read.has_value());
  CHECK(read->identityKey == record.identityKey);
  CHECK(read->registrationId == 16380);
  CHECK(read->signedPreKey.id == 7);
  CHECK(read->signedPreKey.key == "k");
  CHECK(read->signedPreKey.signature == "s");
  CHECK(read->usedIds.ranges() == record.usedIds.ranges());
  for (const char* text : {"", "{}", "[]", R"({"identityKey":"?"})"})
    CHECK_FALSE(readRecord(text).has_value());
}

}  // namespace sotto::signaling
