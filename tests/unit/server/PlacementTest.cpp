#include "server/Placement.hpp"

#include <catch2/catch.hpp>

namespace sotto::server {
namespace {

Placement readyPlacement(size_t workers) {
  Placement placement(workers);
  for (size_t i = 0; i < workers; ++i) placement.setReady(i, true);
  return placement;
}

}  // namespace

TEST_CASE("without a ready worker there is no place") {
  Placement placement(2);
  CHECK(placement.place("a") == std::nullopt);
  CHECK(placement.rooms() == 0);
  placement.setReady(1, true);
  CHECK(placement.place("a") == 1u);
}

TEST_CASE("empty rooms spread over the workers") {
  Placement placement = readyPlacement(3);
  CHECK(placement.place("a") == 0u);
  CHECK(placement.place("b") == 1u);
  CHECK(placement.place("c") == 2u);
  CHECK(placement.place("d") == 0u);
}

TEST_CASE("a new room goes to the worker with the fewest endpoints, not the fewest rooms") {
  Placement placement = readyPlacement(2);
  CHECK(placement.place("big") == 0u);
  for (const char* name : {"1", "2", "3", "4"}) placement.addEndpoint("big", name);
  CHECK(placement.place("small 1") == 1u);
  CHECK(placement.place("small 2") == 1u);
  CHECK(placement.place("small 3") == 1u);
  for (const char* name : {"1", "2", "3", "4"}) placement.removeEndpoint("big", name);
  CHECK(placement.place("small 4") == 0u);
}

TEST_CASE("a placed room keeps its worker") {
  Placement placement = readyPlacement(2);
  CHECK(placement.place("a") == 0u);
  placement.addEndpoint("a", "1");
  CHECK(placement.place("a") == 0u);
  CHECK(placement.find("a") == 0u);
  CHECK(placement.load(0) == 2);
}

TEST_CASE("endpoints count once, and only in rooms that have a place") {
  Placement placement = readyPlacement(1);
  placement.place("a");
  placement.addEndpoint("a", "1");
  placement.addEndpoint("a", "1");
  placement.addEndpoint("nowhere", "1");
  CHECK(placement.load(0) == 2);
  placement.removeEndpoint("a", "2");
  placement.removeEndpoint("nowhere", "1");
  CHECK(placement.load(0) == 2);
  placement.remove("a");
  placement.remove("a");
  CHECK(placement.load(0) == 0);
}

TEST_CASE("a worker that is lost gives up its rooms, and they are placed elsewhere") {
  Placement placement = readyPlacement(2);
  for (const char* room : {"a", "b", "c", "d"}) placement.place(room);
  placement.addEndpoint("a", "1");
  placement.setReady(0, false);
  CHECK(placement.removeAll(0) == std::vector<std::string>{"a", "c"});
  CHECK(placement.load(0) == 0);
  CHECK(placement.find("a") == std::nullopt);
  CHECK(placement.find("b") == 1u);
  CHECK(placement.place("a") == 1u);
}

}  // namespace sotto::server
