// What the scenarios share: settings for the usual participant and for networks, seeds, and the check of
// everything that must hold of every run.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "tests/sim/Simulation.hpp"

namespace sotto::sim {

/// Every scenario runs with these seeds. SOTTO_FIRST_SEED and SOTTO_LAST_SEED in the environment name others,
/// for a longer search or for one seed alone.
inline uint64_t seedFrom(const char* variable, uint64_t usual) {
  const char* text = std::getenv(variable);
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}
inline const uint64_t firstSeed = seedFrom("SOTTO_FIRST_SEED", 1);
inline const uint64_t lastSeed = seedFrom("SOTTO_LAST_SEED", 10);

inline LinkSettings network(double loss, base::TimeDelta delay) {
  LinkSettings link;
  link.loss = loss;
  link.delay = delay;
  return link;
}

inline ClientSettings participant(const std::string& name, const LinkSettings& link = {}) {
  ClientSettings settings;
  settings.name = name;
  settings.microphone = settings.camera = true;
  settings.up = settings.down = link;
  return settings;
}

inline ClientSettings viewer(const std::string& name, const LinkSettings& link = {}) {
  ClientSettings settings;
  settings.name = name;
  settings.up = settings.down = link;
  return settings;
}

/// The oracles of all clients are content.
inline void requireSound(Simulation& simulation) {
  INFO(simulation.violations().describe());
  REQUIRE(simulation.violations().empty());
}

}  // namespace sotto::sim
