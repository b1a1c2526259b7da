// `sotto-client device init|show|remove|reset`: this device's identity, store and registration.
#pragma once

#include <string>

#include "client/native/cli/DeviceOptions.hpp"
#include "client/native/cli/ExitCode.hpp"

namespace sotto::client::cli {

/// Makes a device and registers it. One that is there already is registered again, which does no harm.
/// `replace`: in the place of another identity of the same name.
ExitCode runDeviceInit(const DeviceOptions& options, bool replace, bool asJson);
/// Prints names, identity key, safety-relevant state and what the directory has.
ExitCode runDeviceShow(const DeviceOptions& options, bool asJson);
/// Takes the device out of the directory and removes its store. `localOnly`: the store alone.
ExitCode runDeviceRemove(const DeviceOptions& options, bool localOnly);
/// Forgets the sessions with all devices of a user; the next message begins new ones.
ExitCode runDeviceReset(const DeviceOptions& options, const std::string& user);

}  // namespace sotto::client::cli
