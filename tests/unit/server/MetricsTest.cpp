#include "server/Metrics.hpp"

#include <catch2/catch.hpp>

namespace sotto::server {

TEST_CASE("metrics of one name stand together under their type, with the worker's label first") {
  Metrics metrics;
  metrics.add("participants", 3);
  metrics.add({"frames_dropped_total{reason=\"no_trailer\"}", 5}, "worker=\"0\"");
  metrics.add({"packets_received_total", 7}, "worker=\"0\"");
  metrics.add({"frames_dropped_total{reason=\"no_trailer\"}", UINT64_MAX}, "worker=\"1\"");
  metrics.add({"empty_total{}", 1}, "worker=\"1\"");
  CHECK(metrics.text() ==
        "# TYPE sotto_participants gauge\n"
        "sotto_participants 3\n"
        "# TYPE sotto_frames_dropped_total counter\n"
        "sotto_frames_dropped_total{worker=\"0\",reason=\"no_trailer\"} 5\n"
        "sotto_frames_dropped_total{worker=\"1\",reason=\"no_trailer\"} 18446744073709551615\n"
        "# TYPE sotto_packets_received_total counter\n"
        "sotto_packets_received_total{worker=\"0\"} 7\n"
        "# TYPE sotto_empty_total counter\n"
        "sotto_empty_total{worker=\"1\"} 1\n");
}

}  // namespace sotto::server
