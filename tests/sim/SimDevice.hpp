// A device in the simulation: identity and sessions kept in memory, and the key directory of the simulated
// server, reached in virtual time with the JSON that HTTP would carry.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client/native/e2ee/messenger/DeviceRegistration.hpp"
#include "client/native/e2ee/signal/DeviceStore.hpp"
#include "media/base/Random.hpp"
#include "signaling/DeviceName.hpp"
#include "tests/sim/SimServer.hpp"
#include "tests/sim/VirtualTime.hpp"

namespace sotto::sim {

class SimDirectory final : public client::e2ee::DirectoryClient {
 public:
  /// `delay`: one way. References must outlive this.
  SimDirectory(VirtualTime& time, SimServer& server, signaling::DeviceName self, base::TimeDelta delay)
      : time_(time), server_(server), self_(std::move(self)), delay_(delay) {}
  ~SimDirectory() override { *alive_ = false; }

  void fetchBundles(const std::string& user, const std::vector<std::string>& devices,
                    client::e2ee::DirectoryDone<std::vector<client::e2ee::DeviceBundle>> done) override;
  void listDevices(const std::string& user,
                   client::e2ee::DirectoryDone<std::vector<std::string>> done) override;
  void putKeys(const client::e2ee::DeviceKeys& keys, client::e2ee::DirectoryDone<size_t> done) override;
  void renewSignedPreKey(const client::e2ee::signal::PublicSignedPreKey& key,
                         client::e2ee::DirectoryDone<bool> done) override;
  void addOneTimePreKeys(const std::vector<client::e2ee::signal::PublicPreKey>& keys,
                         client::e2ee::DirectoryDone<size_t> done) override;

  /// Counted in both directions.
  uint64_t requests = 0, bytes = 0;

 private:
  using Answer = client::e2ee::DirectoryResult<std::string>;
  using Answered = std::function<void(Answer)>;
  /// Carries a request over, lets the server work, and carries the answer back.
  void ask(const std::string& body, std::function<void(Answered)> work, std::function<void(Answer)> done);

  VirtualTime& time_;
  SimServer& server_;
  signaling::DeviceName self_;
  base::TimeDelta delay_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// Storage that a crash of the simulation takes along. Counts.
class SimStorage final : public client::e2ee::signal::DeviceStorage {
 public:
  uint64_t writes = 0;

 protected:
  base::Expected<void> write(base::ByteView) override {
    ++writes;
    return {};
  }
};

/// Outlives the calls that it takes part in.
struct SimDevice {
  SimDevice(VirtualTime& time, SimServer& server, const std::string& user, uint64_t seed,
            base::TimeDelta delay);

  base::SeededRandom random;
  client::e2ee::signal::DeviceStore store;
  SimStorage storage;
  SimDirectory directory;
  client::e2ee::DeviceRegistration registration;
  bool registered = false;
};

}  // namespace sotto::sim
