// The way of a data message through a room: to one participant or to all others. The server reads the header
// of four bytes, puts the origin in the place of the destination, and hands the payload on as it is.
#pragma once

#include <memory>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"
#include "media/room/Counters.hpp"
#include "media/room/Endpoint.hpp"

namespace sotto::room {

/// Counts what it refuses: messages without a proper header, and those to a sender number that nobody else in
/// the room has.
void forwardData(Endpoint& from, base::ByteView message, bool lossy,
                 const std::vector<std::unique_ptr<Endpoint>>& endpoints, Counters& counters,
                 base::Timestamp now);

}  // namespace sotto::room
