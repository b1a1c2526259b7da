// Opening, making and registering this device; see the header.
#include "client/native/cli/LocalDevice.hpp"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>

#include "client/native/cli/TokenRequest.hpp"
#include "client/native/directory/AccountClient.hpp"
#include "client/native/directory/HttpDirectory.hpp"
#include "client/native/e2ee/messenger/DeviceRegistration.hpp"

namespace sotto::client::cli {
namespace {

namespace store = sotto::e2ee::store;
using store::DeviceStoreFile;

tl::unexpected<DeviceProblem> badInput(std::string message) {
  return tl::make_unexpected(DeviceProblem{ExitCode::BadInput, std::move(message)});
}
tl::unexpected<DeviceProblem> failed(std::string message) {
  return tl::make_unexpected(DeviceProblem{ExitCode::CallFailed, std::move(message)});
}

uint64_t unixSeconds() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

store::Unlock unlockOf(const DeviceOptions& options, const std::string& path) {
  if (!options.storePassphrase.empty()) return store::Passphrase{options.storePassphrase};
  return store::KeyFile{path + ".key"};
}

/// A name that no other device of the user is likely to have.
std::string drawDeviceName(base::Random& random) {
  static constexpr char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
  constexpr size_t length = 8;
  std::string name = "cli-";
  for (size_t i = 0; i < length; ++i) name += letters[random.u32() % (sizeof letters - 1)];
  return name;
}

base::Expected<void> makeFolderFor(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (folder.empty() || std::filesystem::exists(folder, error)) return {};
  if (!std::filesystem::create_directories(folder, error) && error) {
    return base::fail("cannot create " + folder.string() + ": " + error.message());
  }
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  return {};
}

}  // namespace

LocalDevice::LocalDevice(std::string path, bool ownKeyFile, std::unique_ptr<base::SystemRandom> random,
                         DeviceStoreFile file, signal::DeviceStore store)
    : path_(std::move(path)),
      ownKeyFile_(ownKeyFile),
      random_(std::move(random)),
      file_(std::move(file)),
      store_(std::move(store)) {}

LocalDevice::~LocalDevice() = default;

bool LocalDevice::exists(const DeviceOptions& options) {
  const auto path = storePath(options);
  return path && DeviceStoreFile::exists(*path);
}

DeviceResult<std::unique_ptr<LocalDevice>> LocalDevice::create(const DeviceOptions& options) {
  DeviceOptions named = options;
  if (!options.token.empty()) {
    const auto claims = claimsOfToken(options.token);
    if (!claims || claims->user.empty()) return badInput("--token is no token, or names no user");
    if ((!options.user.empty() && options.user != claims->user) ||
        (!options.device.empty() && options.device != claims->device)) {
      return badInput("--token is for the device " + claims->user + "/" + claims->device);
    }
    named.user = claims->user;
    named.device = claims->device;
  }
  if (named.user.empty()) return badInput("whose device? Give --user");
  const auto path = storePath(named);
  if (!path) return badInput(path.error().message);
  if (DeviceStoreFile::exists(*path)) return badInput("there is a device in " + *path + " already");
  if (const auto made = makeFolderFor(*path); !made) return badInput(made.error().message);
  auto random = std::make_unique<base::SystemRandom>();
  if (named.device.empty()) named.device = drawDeviceName(*random);
  auto device = signal::DeviceStore::create({named.user, named.device}, *random, unixSeconds());
  auto file = DeviceStoreFile::create(*path, unlockOf(named, *path), device, *random);
  if (!file) return badInput(file.error().message);
  return std::unique_ptr<LocalDevice>(new LocalDevice(*path, named.storePassphrase.empty(), std::move(random),
                                                      std::move(*file), std::move(device)));
}

DeviceResult<std::unique_ptr<LocalDevice>> LocalDevice::open(const DeviceOptions& options) {
  const auto path = storePath(options);
  if (!path) return badInput(path.error().message);
  if (!DeviceStoreFile::exists(*path)) {
    return badInput("there is no device in " + *path + ": make one with sotto-client device init");
  }
  auto random = std::make_unique<base::SystemRandom>();
  auto opened = DeviceStoreFile::open(*path, unlockOf(options, *path), *random);
  if (!opened) return badInput(opened.error().message);
  const signal::DeviceName& self = opened->device.self();
  if (!options.user.empty() && options.user != self.user) {
    return badInput(*path + " is a device of " + self.user + ", not of " + options.user);
  }
  if (!options.device.empty() && options.device != self.device) {
    return badInput(*path + " is the device " + self.device + ", not " + options.device);
  }
  opened->device.setTime(unixSeconds());
  return std::unique_ptr<LocalDevice>(new LocalDevice(*path, options.storePassphrase.empty(),
                                                      std::move(random), std::move(opened->file),
                                                      std::move(opened->device)));
}

base::Expected<void> LocalDevice::save() {
  const auto saved = file_.save(store_);
  if (!saved) return tl::make_unexpected(saved.error());
  return {};
}

base::Expected<void> LocalDevice::remove() {
  if (auto removed = std::move(file_).remove(); !removed) return removed;
  if (ownKeyFile_) ::unlink((path_ + ".key").c_str());
  ::unlink((path_ + ".lock").c_str());
  return {};
}

DeviceResult<void> LocalDevice::authorize(const DeviceOptions& options, const std::string& room,
                                          const std::string& name) {
  std::string token = options.token;
  if (token.empty()) {
    auto given = requestToken(options.server, {room, name, self().user, self().device}, options.trust());
    if (!given) return failed(given.error().message);
    token = std::move(*given);
  }
  const auto claims = claimsOfToken(token);
  if (!claims || claims->user != self().user || claims->device != self().device) {
    const std::string whose =
        claims ? "is for " + claims->user + "/" + claims->device : "has a form that is not understood";
    return badInput("the token " + whose + ", but " + path_ + " is the device " + self().user + "/" +
                    self().device);
  }
  auto http = directory::HttpClient::create(options.server, token, options.trust());
  if (!http) return badInput(http.error().message);
  http_ = std::make_unique<directory::HttpClient>(std::move(*http));
  return {};
}

namespace {

/// Runs one piece of registration to its end.
DeviceResult<void> runRegistration(
    LocalDevice& device,
    const std::function<void(e2ee::DeviceRegistration&, e2ee::DeviceRegistration::Done)>& what) {
  boost::asio::io_context loop;
  directory::HttpDirectory directory(loop, device.http());
  e2ee::DeviceRegistration registration(device.store(), device.storage(), directory, device.random());
  std::optional<std::string> problem;
  what(registration, [&](std::string text) { problem = std::move(text); });
  loop.run();
  if (!problem) return failed("the key directory did not answer");
  if (!problem->empty()) return failed("the key directory: " + *problem);
  return {};
}

}  // namespace

DeviceResult<size_t> LocalDevice::registerNow() {
  auto done = runRegistration(
      *this, [](auto& registration, auto finished) { registration.registerDevice(std::move(finished)); });
  if (!done) return tl::make_unexpected(done.error());
  const auto keys = directory::AccountClient(*http_).ownKeys();
  if (!keys) return failed(keys.error().message);
  return *keys ? (*keys)->oneTimePreKeys : 0;
}

DeviceResult<size_t> LocalDevice::keepRegistered(bool replace) {
  const auto keys = directory::AccountClient(*http_).ownKeys();
  if (!keys) return failed(keys.error().message);
  if (!*keys) return registerNow();
  if ((*keys)->identityKey != store_.keys().identity().publicKey) {
    if (replace) return registerNow();
    return badInput("another identity is registered as the device " + self().user + "/" + self().device +
                    ": choose another name with --device, or take its place with device init --replace");
  }
  if ((*keys)->signedPreKeyId != store_.keys().signedPreKey().id) return registerNow();
  const auto renewed = runRegistration(*this, [](auto& registration, auto finished) {
    registration.renewIfDue(unixSeconds(), std::move(finished));
  });
  if (!renewed) return tl::make_unexpected(renewed.error());
  constexpr size_t low = 20;
  const size_t left = (*keys)->oneTimePreKeys;
  if (left >= low) return left;
  const auto refilled = runRegistration(
      *this, [left](auto& registration, auto finished) { registration.refill(left, std::move(finished)); });
  if (!refilled) return tl::make_unexpected(refilled.error());
  return signal::KeyStore::fullOneTimePreKeys;
}

}  // namespace sotto::client::cli
