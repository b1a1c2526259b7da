// Which participant is asked for in which video slot: wishes by name on one side, the roster and the slots
// at hand on the other. A picture stays in its slot for as long as it is wanted.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "media/control/Messages.hpp"

namespace sotto::client::call {

/// The new plan, one entry for each slot of `mids` (Mode::None where nothing is wanted). `before` is the plan
/// in force, empty at first. Wants go first, in their order; then, with `everyone`, every camera and screen
/// in the roster that no want names. A want whose participant is absent or publishes no such track takes no
/// slot until it does.
std::vector<control::SlotWish> planSlots(std::span<const std::string> mids, std::span<const Want> wants,
                                         bool everyone, uint32_t everyoneHeight,
                                         std::span<const Participant> roster,
                                         std::span<const control::SlotWish> before);

}  // namespace sotto::client::call
