// Small numbers by which the forwarding parts name things within one room, without owning them.
#pragma once

#include <cstdint>

namespace sotto::forward {

/// One published track. Given out by the room, never used again in it; 0 is "none".
using SourceId = uint32_t;
/// One participant of the room. Given out by the room, never used again in it; 0 is "none".
using ParticipantId = uint32_t;
/// Place of a layer in its Source's table (not its rank: ranks change with sizes).
using LayerIndex = uint8_t;

constexpr SourceId noSource = 0;
constexpr LayerIndex noLayer = 0xFF;
/// "Every temporal layer".
constexpr uint8_t allTemporalLayers = 7;

}  // namespace sotto::forward
