// Registrations that verify, from the known answer of the signal vectors, and messages between devices.
#pragma once

#include <string>

#include "signaling/KeyMessages.hpp"

namespace sotto::signaling::test {

/// One-time prekeys with the ids first, first + 1, ...; all different, none of low order.
std::vector<PreKey> oneTimePreKeys(uint32_t first, size_t count);
/// The identity and signed prekey of the vectors, with one-time prekeys 1..count.
Registration knownRegistration(size_t count);
/// Its JSON, as it is put.
std::string registrationJson(const Registration& registration);

/// A message with a 100-byte body for each.
SendRequest messageTo(const std::vector<DeviceName>& devices, uint64_t number, size_t sharedBytes = 0);

}  // namespace sotto::signaling::test
