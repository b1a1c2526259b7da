// The Prometheus text format (version 0.0.4) from counters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "media/control/Messages.hpp"

namespace sotto::server {

class Metrics {
 public:
  /// `counter.name` may carry labels ("x_total{reason=\"y\"}"); `label` ("worker=\"0\"", or empty) is put
  /// before them. Names get the prefix "sotto_".
  void add(const control::Counter& counter, const std::string& label = "");
  void add(const std::string& name, uint64_t value) { add({name, value}); }
  /// Lines of one name stand together under its type: counter for names in _total, else gauge.
  std::string text() const;

 private:
  struct Family {
    std::string name;
    std::vector<std::string> lines;
  };
  std::vector<Family> families_;
};

}  // namespace sotto::server
