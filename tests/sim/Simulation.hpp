// Whole calls in virtual time: one seed drives the clock, the randomness and the network; the media core,
// signaling and the client stack are the real ones. Only what OpenSSL draws for itself (DTLS randoms,
// certificates) differs from run to run; it decides nothing that a scenario could see.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/SimClient.hpp"
#include "tests/sim/SimServer.hpp"

namespace sotto::sim {

class Simulation {
 public:
  explicit Simulation(uint64_t seed, control::E2eePolicy policy = control::E2eePolicy::Required);
  ~Simulation();

  /// Adds a participant that joins now. Lives as long as the simulation.
  SimClient& join(ClientSettings settings);
  /// The device of `user`, registered in the directory; made on first use.
  SimDevice& device(const std::string& user, base::TimeDelta delay = base::TimeDelta::millis(15));
  /// `user` has lost everything: a new device under the old name, with another identity.
  void replaceDevice(const std::string& user);
  void runFor(base::TimeDelta duration) { time_.runFor(duration); }
  /// Runs until `condition` holds, looking every 5 ms; false when it does not within `limit`.
  bool runUntil(const std::function<bool()>& condition, base::TimeDelta limit);
  base::Timestamp now() const { return time_.now(); }
  SimServer& server() { return *server_; }
  VirtualTime& time() { return time_; }
  Violations& violations() { return violations_; }
  std::vector<std::unique_ptr<SimClient>>& clients() { return clients_; }

  /// Everyone has had a picture of every other who publishes a camera.
  bool everyoneSeesEveryone();
  void resetGaps();
  /// Over every stream of every client.
  base::TimeDelta longestGap(TrackSource source);
  /// Most key frame requests to one client in any second.
  static size_t keyFrameRequestPeak(const SimClient& client);

 private:
  void route(const base::SocketAddress& to, base::ByteView datagram);
  std::optional<uint32_t> numberOf(const std::string& name) const;

  uint64_t seed_;
  VirtualTime time_;
  Violations violations_;
  base::SeededRandom serverRandom_;
  std::unique_ptr<SimServer> server_;
  /// By user: a device that joins again is the same device. They outlive the clients.
  std::map<std::string, std::unique_ptr<SimDevice>> devices_;
  std::vector<std::unique_ptr<SimDevice>> lostDevices_;
  uint64_t devicesMade_ = 0;
  std::vector<std::unique_ptr<SimClient>> clients_;
};

}  // namespace sotto::sim
