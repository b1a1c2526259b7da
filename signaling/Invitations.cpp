#include "signaling/Invitations.hpp"

#include <algorithm>

namespace sotto::signaling {

Result<void> changeInvited(Room& room, const std::vector<std::string>& users, bool invite, size_t maximum) {
  std::vector<std::string> changed = room.invited;
  for (const std::string& user : users) {
    const auto there = std::find(changed.begin(), changed.end(), user);
    if (invite && there == changed.end() && !room.hasUser(user)) {
      changed.push_back(user);
    } else if (!invite && there != changed.end()) {
      changed.erase(there);
    }
  }
  if (changed.size() > maximum) {
    return refuse(ErrorCode::TooLarge, "a room may have " + std::to_string(maximum) + " invited users");
  }
  if (changed != room.invited) {
    room.invited = std::move(changed);
    room.broadcast(invitedEvent(room.invited));
  }
  return {};
}

void uninviteArrived(Room& room, const Participant& participant) {
  const auto there = std::find(room.invited.begin(), room.invited.end(), participant.view.user);
  if (there == room.invited.end()) return;
  room.invited.erase(there);
  room.broadcast(invitedEvent(room.invited), &participant);
}

}  // namespace sotto::signaling
