// The name of a device in a call. A user with two devices is two members of it.
#pragma once

#include "client/native/e2ee/signal/DeviceName.hpp"

namespace sotto::client::e2ee {

namespace signal = sotto::e2ee::signal;
using DeviceId = signal::DeviceName;

}  // namespace sotto::client::e2ee
