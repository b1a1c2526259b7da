#include "signaling/Room.hpp"

#include <algorithm>
#include <limits>

namespace sotto::signaling {

ParticipantPtr Room::find(const std::string& id) const {
  const auto found = participants_.find(id);
  return found == participants_.end() ? nullptr : found->second;
}

ParticipantPtr Room::findDevice(const std::string& user, const std::string& device) const {
  for (const auto& [id, participant] : participants_) {
    if (participant->view.user == user && participant->view.device == device) return participant;
  }
  return nullptr;
}

bool Room::hasUser(const std::string& user) const {
  return std::any_of(participants_.begin(), participants_.end(),
                     [&user](const auto& entry) { return entry.second->view.user == user; });
}

std::optional<uint16_t> Room::drawSender() {
  if (lastSender_ == std::numeric_limits<uint16_t>::max()) return std::nullopt;
  return ++lastSender_;
}

void Room::add(ParticipantPtr participant) {
  participant->room = this;
  participants_[participant->view.id] = std::move(participant);
}

void Room::remove(const std::string& id) {
  const auto found = participants_.find(id);
  if (found == participants_.end()) return;
  found->second->room = nullptr;
  participants_.erase(found);
}

void Room::broadcast(const std::string& text, const Participant* except) const {
  for (const auto& [id, participant] : participants_) {
    if (participant.get() != except) participant->send(text);
  }
}

std::vector<ParticipantView> Room::rosterFor(const Participant& self) const {
  std::vector<ParticipantView> roster;
  for (const auto& [id, participant] : participants_) {
    if (participant.get() != &self) roster.push_back(participant->view);
  }
  std::sort(roster.begin(), roster.end(), [](const auto& a, const auto& b) { return a.sender < b.sender; });
  return roster;
}

}  // namespace sotto::signaling
