#include "server/ByteRange.hpp"

#include <catch2/catch.hpp>

namespace sotto::server {

TEST_CASE("Ranges of bytes are read as RFC 9110 has them") {
  const struct {
    const char* header;
    uint64_t from, to;
    bool partial;
  } cases[] = {{"", 0, 1000, false},
               {"bytes=0-0", 0, 1, true},
               {"bytes=0-999", 0, 1000, true},
               {"bytes=10-19", 10, 20, true},
               {"bytes=990-2000", 990, 1000, true},
               {"bytes=5-", 5, 1000, true},
               {"bytes=-1", 999, 1000, true},
               {"bytes=-5000", 0, 1000, true},
               {"bytes=5-99999999999999999999999", 5, 1000, true},
               {"lines=1-2", 0, 1000, false},
               {"bytes=", 0, 1000, false},
               {"bytes=x-5", 0, 1000, false},
               {"bytes=5-x", 0, 1000, false},
               {"bytes=7-3", 0, 1000, false},
               {"bytes=1-2,4-5", 0, 1000, false},
               {"bytes=-", 0, 1000, false},
               {"bytes=--5", 0, 1000, false}};
  for (const auto& c : cases) {
    INFO(c.header);
    const auto range = parseRange(c.header, 1000);
    REQUIRE(range.has_value());
    CHECK(range->from == c.from);
    CHECK(range->to == c.to);
    CHECK(range->partial == c.partial);
  }
  for (const char* header :
       {"bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=99999999999999999999999-"}) {
    INFO(header);
    CHECK_FALSE(parseRange(header, 1000).has_value());
  }
  CHECK_FALSE(parseRange("bytes=-1", 0).has_value());
}

}  // namespace sotto::server
