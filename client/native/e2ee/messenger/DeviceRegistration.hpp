// Keeps this device's keys in the directory: registers it, refills one-time prekeys, renews the signed prekey
// (docs/e2ee.md section 2). No I/O and no clock of its own.
#pragma once

#include <functional>
#include <memory>

#include "client/native/e2ee/messenger/MessengerPorts.hpp"
#include "client/native/e2ee/signal/DeviceStore.hpp"
#include "media/base/Random.hpp"

namespace sotto::client::e2ee {

class DeviceRegistration {
 public:
  /// Empty when it went well, else one sentence for a person.
  using Done = std::function<void(std::string)>;

  /// References must outlive the registration.
  DeviceRegistration(signal::DeviceStore& store, signal::DeviceStorage& storage, DirectoryClient& directory,
                     base::Random& random)
      : store_(store), storage_(storage), directory_(directory), random_(random) {}

  /// Puts identity, signed prekey and a full set of one-time prekeys into the directory. May be repeated.
  void registerDevice(Done done);
  /// The directory says that so many one-time prekeys are left.
  void refill(size_t remaining, Done done);
  /// Renews the signed prekey when it is due. `unixSeconds`: now.
  void renewIfDue(uint64_t unixSeconds, Done done);

 private:
  signal::DeviceStore& store_;
  signal::DeviceStorage& storage_;
  DirectoryClient& directory_;
  base::Random& random_;
  bool refilling_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace sotto::client::e2ee
