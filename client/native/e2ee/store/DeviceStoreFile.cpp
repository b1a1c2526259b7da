// A device's state in a file; see the header.
#include "client/native/e2ee/store/DeviceStoreFile.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "client/native/e2ee/store/AtomicFile.hpp"

namespace sotto::e2ee::store {
namespace {

/// Some thousand sessions with all that they may keep; a device has a few hundred KiB.
constexpr size_t maxFileSize = size_t{1} << 30;

base::Expected<FileLock> lockFor(const std::string& path) {
  return FileLock::take(path + ".lock");
}

}  // namespace

base::Expected<DeviceStoreFile> DeviceStoreFile::create(const std::string& path, const Unlock& unlock,
                                                        const signal::DeviceStore& device,
                                                        base::Random& random) {
  auto lock = lockFor(path);
  if (!lock) return tl::make_unexpected(lock.error());
  if (exists(path)) return base::fail(path + " exists already");
  if (auto made = ensureKeyFile(unlock, random); !made) return tl::make_unexpected(made.error());
  const SealHeader header = newSealHeader(unlock, random);
  auto key = sealKey(header, unlock);
  if (!key) return tl::make_unexpected(key.error());
  DeviceStoreFile file(path, header, std::move(*key), std::move(*lock), random);
  if (const auto saved = file.save(device); !saved) return tl::make_unexpected(saved.error());
  return file;
}

base::Expected<DeviceStoreFile::Opened> DeviceStoreFile::open(const std::string& path, const Unlock& unlock,
                                                              base::Random& random) {
  if (!exists(path)) return base::fail("there is no device in " + path);
  auto lock = lockFor(path);
  if (!lock) return tl::make_unexpected(lock.error());
  const auto content = readFile(path, maxFileSize);
  if (!content) return tl::make_unexpected(content.error());
  const auto header = readSealHeader(*content);
  if (!header) return base::fail(path + " is not a device's state, or of another version");
  auto key = sealKey(*header, unlock);
  if (!key) return tl::make_unexpected(key.error());
  const auto state = openState(*content, key->view());
  if (!state) return base::fail(path + " cannot be opened: the key is wrong, or the file was changed");
  auto device = signal::DeviceStore::deserialize(state->view());
  if (!device) return base::fail(path + " has content that this version cannot read");
  return Opened{DeviceStoreFile(path, *header, std::move(*key), std::move(*lock), random),
                std::move(*device)};
}

bool DeviceStoreFile::exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

base::Expected<void> DeviceStoreFile::remove() && {
  if (::unlink(path_.c_str()) != 0) return base::fail("cannot remove " + path_ + ": " + std::strerror(errno));
  return {};
}

base::Expected<void> DeviceStoreFile::write(base::ByteView state) {
  return replaceFile(path_, sealState(header_, key_.view(), state, *random_));
}

}  // namespace sotto::e2ee::store
