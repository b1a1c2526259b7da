// Commands about this device; see the header.
#include "client/native/cli/DeviceCommand.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "client/native/call/Base64.hpp"
#include "client/native/cli/LocalDevice.hpp"
#include "client/native/cli/Say.hpp"
#include "client/native/directory/AccountClient.hpp"

namespace sotto::client::cli {
namespace {

using nlohmann::json;

ExitCode complain(const DeviceProblem& problem) {
  say(problem.message);
  return problem.code;
}

void print(LocalDevice& device, const json& directory, bool asJson) {
  const signal::DeviceStore& store = device.store();
  const json all{{"user", device.self().user},
                 {"device", device.self().device},
                 {"identityKey", call::toBase64(store.keys().identity().publicKey.serialize())},
                 {"registrationId", store.keys().registrationId()},
                 {"store", device.path()},
                 {"directory", directory}};
  if (asJson) {
    std::printf("%s\n", all.dump(2, ' ', false, json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("user          %s\ndevice        %s\nidentity key  %s\nstore         %s\n",
              printable(device.self().user).c_str(), printable(device.self().device).c_str(),
              all["identityKey"].get<std::string>().c_str(), printable(device.path()).c_str());
  if (directory.is_null()) {
    std::printf("registered    no\n");
  } else if (!directory["same"].get<bool>()) {
    std::printf("registered    NO: the directory has ANOTHER identity under this name\n");
  } else {
    std::printf("registered    yes, with %llu one-time prekeys\n",
                static_cast<unsigned long long>(directory["oneTimePreKeys"].get<uint64_t>()));
  }
}

}  // namespace

ExitCode runDeviceInit(const DeviceOptions& options, bool replace, bool asJson) {
  const bool fresh = !LocalDevice::exists(options);
  auto device = fresh ? LocalDevice::create(options) : LocalDevice::open(options);
  if (!device) return complain(device.error());
  if (auto token = (*device)->authorize(options, "", (*device)->self().user); !token) {
    return complain(token.error());
  }
  const auto registered = (*device)->keepRegistered(replace);
  if (!registered) {
    // A device that the directory never had is of no use to anybody.
    if (fresh) (void)(*device)->remove();
    return complain(registered.error());
  }
  print(**device, {{"same", true}, {"oneTimePreKeys", *registered}}, asJson);
  return ExitCode::Ok;
}

ExitCode runDeviceShow(const DeviceOptions& options, bool asJson) {
  auto device = LocalDevice::open(options);
  if (!device) return complain(device.error());
  if (auto token = (*device)->authorize(options, "", (*device)->self().user); !token) {
    return complain(token.error());
  }
  const auto keys = directory::AccountClient((*device)->http()).ownKeys();
  if (!keys) return complain({ExitCode::CallFailed, keys.error().message});
  json directory;
  if (*keys) {
    directory = {{"same", (*keys)->identityKey == (*device)->store().keys().identity().publicKey},
                 {"oneTimePreKeys", (*keys)->oneTimePreKeys}};
  }
  print(**device, directory, asJson);
  return ExitCode::Ok;
}

ExitCode runDeviceRemove(const DeviceOptions& options, bool localOnly) {
  auto device = LocalDevice::open(options);
  if (!device) return complain(device.error());
  if (!localOnly) {
    if (auto token = (*device)->authorize(options, "", (*device)->self().user); !token) {
      return complain(token.error());
    }
    const auto removed = directory::AccountClient((*device)->http()).removeDevice((*device)->self().device);
    if (!removed) return complain({ExitCode::CallFailed, removed.error().message});
  }
  const std::string path = (*device)->path();
  if (auto removed = (*device)->remove(); !removed) {
    return complain({ExitCode::BadInput, removed.error().message});
  }
  say("removed " + path);
  return ExitCode::Ok;
}

ExitCode runDeviceReset(const DeviceOptions& options, const std::string& user) {
  auto device = LocalDevice::open(options);
  if (!device) return complain(device.error());
  if (auto token = (*device)->authorize(options, "", (*device)->self().user); !token) {
    return complain(token.error());
  }
  const auto devices = directory::AccountClient((*device)->http()).devicesOf(user);
  if (!devices) return complain({ExitCode::CallFailed, devices.error().message});
  for (const directory::KnownDevice& known : *devices) (*device)->store().eraseSessions({user, known.device});
  if (auto saved = (*device)->save(); !saved) return complain({ExitCode::BadInput, saved.error().message});
  say("sessions with " + std::to_string(devices->size()) + " devices of " + user + " are forgotten");
  return ExitCode::Ok;
}

}  // namespace sotto::client::cli
