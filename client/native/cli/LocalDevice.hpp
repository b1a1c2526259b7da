// This device at work in a command: its store, open and locked, its token, and its keys in the directory.
#pragma once

#include <memory>
#include <string>

#include "client/native/cli/DeviceOptions.hpp"
#include "client/native/cli/ExitCode.hpp"
#include "client/native/directory/HttpClient.hpp"
#include "client/native/e2ee/signal/DeviceStore.hpp"
#include "client/native/e2ee/store/DeviceStoreFile.hpp"
#include "media/base/Random.hpp"

namespace sotto::client::cli {

namespace signal = sotto::e2ee::signal;

/// Why there is no device, and how the command ends.
struct DeviceProblem {
  ExitCode code = ExitCode::CallFailed;
  std::string message;
};
template <typename T>
using DeviceResult = tl::expected<T, DeviceProblem>;

class LocalDevice {
 public:
  /// Makes a store for a new device and saves it. Its names are those of the token, or the options', the
  /// device's drawn where none is given. BadInput when there is a store already.
  static DeviceResult<std::unique_ptr<LocalDevice>> create(const DeviceOptions& options);
  /// Opens the store that is there. BadInput: none, a wrong key, a damaged one, or in use by another process.
  static DeviceResult<std::unique_ptr<LocalDevice>> open(const DeviceOptions& options);
  static bool exists(const DeviceOptions& options);

  LocalDevice(const LocalDevice&) = delete;
  LocalDevice& operator=(const LocalDevice&) = delete;
  ~LocalDevice();

  const signal::DeviceName& self() const { return store_.self(); }
  signal::DeviceStore& store() { return store_; }
  signal::DeviceStorage& storage() { return file_; }
  base::Random& random() { return *random_; }
  const std::string& path() const { return path_; }
  base::Expected<void> save();
  /// Removes the store and, with it, the device. The key file goes too when it is the default one.
  base::Expected<void> remove();

  /// Gets a token for this device: the one of the options, which must be for it, or one that the server
  /// gives; `room` empty: for the key directory alone. Needed before http().
  DeviceResult<void> authorize(const DeviceOptions& options, const std::string& room,
                               const std::string& name);
  /// Requests with this device's token.
  const directory::HttpClient& http() const { return *http_; }
  const std::string& token() const { return http_->token(); }

  /// Sees to it that the directory has this device's keys: registers it where it is not, refills one-time
  /// prekeys, renews the signed prekey. When the name is registered with another identity: an error, or
  /// (`replace`) ours takes its place. Returns how many one-time prekeys the directory has.
  DeviceResult<size_t> keepRegistered(bool replace);

 private:
  LocalDevice(std::string path, bool ownKeyFile, std::unique_ptr<base::SystemRandom> random,
              sotto::e2ee::store::DeviceStoreFile file, signal::DeviceStore store);
  DeviceResult<size_t> registerNow();

  std::string path_;
  bool ownKeyFile_;
  std::unique_ptr<base::SystemRandom> random_;
  sotto::e2ee::store::DeviceStoreFile file_;
  signal::DeviceStore store_;
  std::unique_ptr<directory::HttpClient> http_;
};

}  // namespace sotto::client::cli
