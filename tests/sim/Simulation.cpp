#include "tests/sim/Simulation.hpp"

#include <algorithm>

namespace sotto::sim {

Simulation::Simulation(uint64_t seed, control::E2eePolicy policy)
    : seed_(seed), serverRandom_(seed ^ 0x5E17E4) {
  server_ = std::make_unique<SimServer>(
      time_, serverRandom_, policy,
      [this](const base::SocketAddress& to, base::ByteView datagram) { route(to, datagram); });
}

Simulation::~Simulation() = default;

SimClient& Simulation::join(ClientSettings settings) {
  const auto number = static_cast<uint32_t>(clients_.size() + 1);
  SimDevice* const device =
      settings.automaticKeys ? &this->device(settings.name, settings.signalingDelay) : nullptr;
  clients_.push_back(
      std::make_unique<SimClient>(time_, *server_, violations_, number, seed_, std::move(settings), device));
  SimClient& client = *clients_.back();
  client.numberOf = [this](const std::string& name) { return numberOf(name); };
  client.start();
  return client;
}

SimDevice& Simulation::device(const std::string& user, base::TimeDelta delay) {
  std::unique_ptr<SimDevice>& device = devices_[user];
  if (!device) {
    device = std::make_unique<SimDevice>(time_, *server_, user, seed_ * 7'919 + ++devicesMade_, delay);
  }
  return *device;
}

void Simulation::replaceDevice(const std::string& user) {
  lostDevices_.push_back(std::move(devices_[user]));
  device(user);
}

std::optional<uint32_t> Simulation::numberOf(const std::string& name) const {
  // The newest of that name: one who left and came back is another client.
  for (auto client = clients_.rbegin(); client != clients_.rend(); ++client) {
    if ((*client)->settings().name == name) return (*client)->number();
  }
  return std::nullopt;
}

void Simulation::route(const base::SocketAddress& to, base::ByteView datagram) {
  for (const auto& client : clients_) {
    if (!client->everHad(to)) continue;
    client->wire().onDatagram(datagram, time_.now());
    const Link::Fate fate = client->down().send(datagram.size(), time_.now());
    for (const auto& arrival : {fate.first, fate.second}) {
      if (!arrival) continue;
      time_.at(*arrival, [receiver = client.get(), to,
                          copy = std::vector<uint8_t>(datagram.begin(), datagram.end())]() mutable {
        if (receiver->address() == to) receiver->onDatagram(copy);
      });
    }
    return;
  }
}

bool Simulation::runUntil(const std::function<bool()>& condition, base::TimeDelta limit) {
  const base::Timestamp end = time_.now() + limit;
  while (!condition()) {
    if (time_.now() >= end) return false;
    time_.runFor(base::TimeDelta::millis(5));
  }
  return true;
}

bool Simulation::everyoneSeesEveryone() {
  for (const auto& viewer : clients_) {
    if (viewer->session().state() == client::call::CallState::Left) continue;
    for (const auto& other : clients_) {
      if (other == viewer || !other->settings().camera) continue;
      if (other->session().state() == client::call::CallState::Left) continue;
      if (!viewer->hasStream(other->settings().name)) return false;
    }
  }
  return true;
}

void Simulation::resetGaps() {
  for (const auto& client : clients_) {
    for (const auto& [key, oracle] : client->streams()) oracle->resetGap();
  }
}

base::TimeDelta Simulation::longestGap(TrackSource source) {
  base::TimeDelta longest;
  for (const auto& client : clients_) {
    for (const auto& [key, oracle] : client->streams()) {
      if (key.second == source) longest = std::max(longest, oracle->longestGap(time_.now()));
    }
  }
  return longest;
}

size_t Simulation::keyFrameRequestPeak(const SimClient& client) {
  const std::vector<base::Timestamp>& times = client.keyFrameRequests();
  size_t peak = 0;
  for (size_t first = 0, last = 0; last < times.size(); ++last) {
    while (times[last] - times[first] >= base::TimeDelta::seconds(1)) ++first;
    peak = std::max(peak, last - first + 1);
  }
  return peak;
}

}  // namespace sotto::sim
