// What a person asks the key directory about devices (docs/directory.md): one's own keys, another user's
// devices with their identities, removing a device. Each call waits for its answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/native/directory/HttpClient.hpp"
#include "client/native/e2ee/signal/PublicKey.hpp"

namespace sotto::client::directory {

/// What the directory has of the asking device.
struct OwnKeys {
  sotto::e2ee::signal::PublicKey identityKey;
  uint32_t registrationId = 0;
  uint32_t signedPreKeyId = 0;
  size_t oneTimePreKeys = 0;
};

struct KnownDevice {
  std::string device;
  sotto::e2ee::signal::PublicKey identityKey;
};

class AccountClient {
 public:
  /// `http` must outlive this and carry the device's token.
  explicit AccountClient(const HttpClient& http) : http_(http) {}

  /// Nullopt when this device is not registered.
  base::Expected<std::optional<OwnKeys>> ownKeys() const;
  /// None when the directory does not know the user. An identity that is no key is an error.
  base::Expected<std::vector<KnownDevice>> devicesOf(const std::string& user) const;
  /// Removes a device of one's own user, its prekeys and its mailbox; one that is not there is removed
  /// already.
  base::Expected<void> removeDevice(const std::string& device) const;

 private:
  const HttpClient& http_;
};

}  // namespace sotto::client::directory
