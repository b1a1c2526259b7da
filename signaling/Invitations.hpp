// Users who are invited to a room and not there yet: participants send them their keys ahead of time
// (docs/e2ee.md section 4).
#pragma once

#include <string>
#include <vector>

#include "signaling/RequestError.hpp"
#include "signaling/Room.hpp"

namespace sotto::signaling {

/// Adds users to the room's list, but for those in the room, or takes them off; tells everybody when that
/// changed it. Forbidden when there would be more than `maximum`.
Result<void> changeInvited(Room& room, const std::vector<std::string>& users, bool invite, size_t maximum);

/// The participant has come: takes its user off the list and tells the others. (It gets the list with its
/// reply.)
void uninviteArrived(Room& room, const Participant& participant);

}  // namespace sotto::signaling
