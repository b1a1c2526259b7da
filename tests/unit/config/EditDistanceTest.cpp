#include "config/EditDistance.hpp"

#include <catch2/catch.hpp>

namespace sotto::config {

TEST_CASE("edit distance counts inserted, deleted, replaced and swapped letters") {
  CHECK(editDistance("", "") == 0);
  CHECK(editDistance("port", "port") == 0);
  CHECK(editDistance("port", "prt") == 1);
  CHECK(editDistance("port", "poort") == 1);
  CHECK(editDistance("port", "part") == 1);
  CHECK(editDistance("port", "prot") == 1);
  CHECK(editDistance("", "port") == 4);
  CHECK(editDistance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest word is offered only when it is near") {
  CHECK(nearest("prot", {"address", "port"}) == "port");
  CHECK(nearest("max_romms", {"max_rooms", "max_participants"}) == "max_rooms");
  CHECK_FALSE(nearest("colour", {"address", "port"}).has_value());
  CHECK_FALSE(nearest(std::string(100'000, 'a'), {"address"}).has_value());
}

}  // namespace sotto::config
