#include "config/Config.hpp"

namespace sotto::config {

E2ee Rooms::e2eeFor(std::string_view room) const {
  for (const RoomPolicy& policy : policies) {
    if (matches(policy.match, room)) return policy.e2ee;
  }
  return e2ee;
}

const std::vector<Suite>& Rooms::suitesFor(std::string_view room) const {
  for (const RoomPolicy& policy : policies) {
    if (matches(policy.match, room)) return policy.suites;
  }
  return suites;
}

bool matches(std::string_view pattern, std::string_view name) {
  size_t p = 0;
  size_t n = 0;
  // Where to go on after the last '*' when what followed it did not fit: one byte more for the star.
  size_t starPattern = std::string_view::npos;
  size_t starName = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      starPattern = ++p;
      starName = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (starPattern != std::string_view::npos) {
      p = starPattern;
      n = ++starName;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace sotto::config
