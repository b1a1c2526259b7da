// A device's state in a file: sealed, replaced as a whole, and locked against a second process.
#pragma once

#include "client/native/e2ee/signal/DeviceStore.hpp"
#include "client/native/e2ee/store/FileLock.hpp"
#include "client/native/e2ee/store/StoreKey.hpp"

namespace sotto::e2ee::store {

class DeviceStoreFile final : public signal::DeviceStorage {
 public:
  /// Makes a store for a device that has none yet, and the key file if there is none. `random` is used for
  /// nonces as long as the file lives. An error when the file exists.
  static base::Expected<DeviceStoreFile> create(const std::string& path, const Unlock& unlock,
                                                const signal::DeviceStore& device, base::Random& random);

  struct Opened;
  /// Opens an existing store. An error for a wrong key, a damaged file, or when another process has it open.
  static base::Expected<Opened> open(const std::string& path, const Unlock& unlock, base::Random& random);

  static bool exists(const std::string& path);
  /// Removes the store; the key file stays. The state cannot be got back.
  base::Expected<void> remove() &&;

 protected:
  base::Expected<void> write(base::ByteView state) override;

 private:
  DeviceStoreFile(std::string path, SealHeader header, client::e2ee::SecretBytes key, FileLock lock,
                  base::Random& random)
      : path_(std::move(path)),
        header_(header),
        key_(std::move(key)),
        lock_(std::move(lock)),
        random_(&random) {}

  std::string path_;
  SealHeader header_;
  client::e2ee::SecretBytes key_;
  FileLock lock_;
  base::Random* random_;
};

struct DeviceStoreFile::Opened {
  DeviceStoreFile file;
  signal::DeviceStore device;
};

}  // namespace sotto::e2ee::store
