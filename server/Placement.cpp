#include "server/Placement.hpp"

#include <algorithm>

namespace sotto::server {

std::optional<size_t> Placement::place(const std::string& room) {
  if (const auto known = find(room)) return known;
  std::optional<size_t> best;
  for (size_t worker = 0; worker < load_.size(); ++worker) {
    if (ready_[worker] && (!best || load_[worker] < load_[*best])) best = worker;
  }
  if (best) {
    places_[room].worker = *best;
    ++load_[*best];
  }
  return best;
}

std::optional<size_t> Placement::find(const std::string& room) const {
  const auto place = places_.find(room);
  if (place == places_.end()) return std::nullopt;
  return place->second.worker;
}

void Placement::remove(const std::string& room) {
  const auto place = places_.find(room);
  if (place == places_.end()) return;
  load_[place->second.worker] -= 1 + place->second.endpoints.size();
  places_.erase(place);
}

std::vector<std::string> Placement::removeAll(size_t worker) {
  std::vector<std::string> rooms;
  for (const auto& [room, place] : places_) {
    if (place.worker == worker) rooms.push_back(room);
  }
  std::sort(rooms.begin(), rooms.end());
  for (const std::string& room : rooms) remove(room);
  return rooms;
}

void Placement::addEndpoint(const std::string& room, const std::string& endpoint) {
  const auto place = places_.find(room);
  if (place == places_.end()) return;
  if (place->second.endpoints.insert(endpoint).second) ++load_[place->second.worker];
}

void Placement::removeEndpoint(const std::string& room, const std::string& endpoint) {
  const auto place = places_.find(room);
  if (place == places_.end()) return;
  if (place->second.endpoints.erase(endpoint) != 0) --load_[place->second.worker];
}

}  // namespace sotto::server
