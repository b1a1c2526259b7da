#include "server/Metrics.hpp"

#include <algorithm>

namespace sotto::server {

void Metrics::add(const control::Counter& counter, const std::string& label) {
  const size_t brace = counter.name.find('{');
  const std::string name = "sotto_" + counter.name.substr(0, brace);
  std::string labels = label;
  if (brace != std::string::npos && counter.name.ends_with('}')) {
    const std::string own = counter.name.substr(brace + 1, counter.name.size() - brace - 2);
    if (!labels.empty() && !own.empty()) labels += ',';
    labels += own;
  }
  auto family = std::find_if(families_.begin(), families_.end(),
                             [&name](const Family& known) { return known.name == name; });
  if (family == families_.end()) family = families_.insert(families_.end(), Family{name, {}});
  family->lines.push_back(name + (labels.empty() ? "" : "{" + labels + "}") + " " +
                          std::to_string(counter.value));
}

std::string Metrics::text() const {
  std::string out;
  for (const Family& family : families_) {
    out += "# TYPE " + family.name + (family.name.ends_with("_total") ? " counter\n" : " gauge\n");
    for (const std::string& line : family.lines) out += line + '\n';
  }
  return out;
}

}  // namespace sotto::server
