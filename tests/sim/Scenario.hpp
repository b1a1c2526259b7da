// What the scenarios share: settings for the usual participant and for networks, seeds, and the check of
// everything that must hold of every run.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "tests/sim/Simulation.hpp"

namespace sotto::sim {

/// Every scenario runs with these seeds.
constexpr uint64_t firstSeed = 1, lastSeed = 10;

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
