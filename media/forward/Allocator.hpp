// Divides the rate towards one recipient among its video slots: the lowest layer for everyone first, then up,
// the more important slots first. Pure: no state, no time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "media/base/Units.hpp"
#include "media/forward/Ids.hpp"

namespace sotto::forward {

/// One way to send a source: a layer, with all or only some of its temporal layers.
struct LayerOption {
  LayerIndex layer = noLayer;
  uint8_t maxTemporal = allTemporalLayers;
  uint16_t width = 0, height = 0;
  base::DataRate rate;  ///< on the wire
};

/// What one slot asks for.
struct SlotDemand {
  /// By quality, worst first; only what arrives and lies within the height asked for.
  std::span<const LayerOption> options;
  uint32_t priority = 0;  ///< higher first
  /// Index into `options` of what is sent now, or -1. Keeping it is easier than getting it.
  int current = -1;
};

struct SlotGrant {
  int option = -1;               ///< index into the demand's options, or -1: paused
  bool limitedByBudget = false;  ///< a better option was there and did not fit
};

/// Getting something better must fit with this much to spare, so that the choice does not flap on the edge of
/// the budget when measured rates breathe.
constexpr double raiseHeadroom = 1.1;

/// Writes one grant for each demand. `budget` is for video alone.
void allocate(std::span<const SlotDemand> demands, base::DataRate budget, std::span<SlotGrant> grants);

}  // namespace sotto::forward
