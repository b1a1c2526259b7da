// All rooms of the service, by name, and all sessions, by id; with what every part of the service shares.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "media/base/Random.hpp"
#include "signaling/Clock.hpp"
#include "signaling/MediaPlane.hpp"
#include "signaling/Metrics.hpp"
#include "signaling/Room.hpp"
#include "signaling/Settings.hpp"

namespace sotto::signaling {

struct Directory {
  Directory(Settings settings_, MediaPlane& mediaPlane_, base::Random& random_)
      : settings(std::move(settings_)), mediaPlane(mediaPlane_), random(random_) {}

  const Settings settings;
  MediaPlane& mediaPlane;
  base::Random& random;
  Metrics metrics;
  /// As last handed in: for callbacks of the media plane, which bring no time of their own.
  Now now;
  std::unordered_map<std::string, RoomPtr> rooms;
  std::unordered_map<std::string, ParticipantPtr> sessions;
  /// Callbacks hold a weak reference: expired when the service is gone.
  std::shared_ptr<const bool> alive = std::make_shared<const bool>(true);

  RoomPtr findRoom(const std::string& name) const {
    const auto found = rooms.find(name);
    return found == rooms.end() ? nullptr : found->second;
  }
  control::E2eePolicy policyOf(const std::string& room) const {
    return settings.e2eeOfRoom ? settings.e2eeOfRoom(room) : settings.e2ee;
  }
  std::vector<std::string> suitesOf(const std::string& room) const {
    return settings.suitesOfRoom ? settings.suitesOfRoom(room) : settings.suites;
  }
  void count(const RequestError& error) { ++metrics.errors[static_cast<size_t>(error.code)]; }
};

}  // namespace sotto::signaling
