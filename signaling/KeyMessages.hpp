// Keys and sealed messages as devices hand them in and get them: typed values and their JSON
// (docs/directory.md). To the server it is all opaque but for what it must check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/DeviceName.hpp"
#include "signaling/RequestError.hpp"
#include "signaling/Settings.hpp"

namespace sotto::signaling {

// ---- keys: raw bytes, 33 for a public key, 64 for a signature ------------------------------------------

struct PreKey {
  uint32_t id = 0;
  std::string key;
};
struct SignedPreKey {
  uint32_t id = 0;
  std::string key, signature;
};
struct Registration {
  std::string identityKey;
  uint32_t registrationId = 0;
  SignedPreKey signedPreKey;
  std::vector<PreKey> oneTimePreKeys;
};
/// What a device is shown of its own registration.
struct KeyStatus {
  std::string identityKey;
  uint32_t registrationId = 0;
  uint32_t signedPreKeyId = 0;
  std::vector<uint32_t> oneTimePreKeyIds;
};
/// What others may see without using anything up.
struct DeviceInfo {
  std::string device, identityKey;
  uint32_t registrationId = 0;
};
/// What beginning a session with a device takes.
struct Bundle {
  std::string device;
  uint32_t registrationId = 0;
  std::string identityKey;
  SignedPreKey signedPreKey;
  std::optional<PreKey> oneTimePreKey;
};

/// Bodies of requests. Every complaint is BadMessage, BadKey or TooLarge. Keys are checked for form and low
/// order here, signatures by the directory.
Result<Registration> parseRegistration(std::string_view json, const DirectoryLimits& limits);
Result<SignedPreKey> parseSignedPreKey(std::string_view json);
/// `{"oneTimePreKeys":[...]}`.
Result<std::vector<PreKey>> parseOneTimePreKeys(std::string_view json, const DirectoryLimits& limits);
/// `{}` or `{"devices":[...]}`: nothing named means all.
Result<std::vector<std::string>> parseBundleRequest(std::string_view json, const DirectoryLimits& limits);

std::string preKeyCountJson(size_t count);
std::string keyStatusJson(const KeyStatus& status);
std::string devicesJson(const std::vector<DeviceInfo>& devices);
std::string bundlesJson(const std::vector<Bundle>& bundles);
/// The event `prekeys-low`.
std::string preKeysLowEvent(size_t remaining);

// ---- sealed messages -----------------------------------------------------------------------------------

struct Envelope {
  DeviceName to;
  std::string type;  ///< "prekey", "signal" or "error"
  std::string body;  ///< base64
};
struct SendRequest {
  std::string messageId;  ///< 32 lower-case hexadecimal digits
  uint32_t purpose = 0;
  std::string group;
  std::string shared;  ///< base64; empty: none
  std::vector<Envelope> recipients;
  bool store = true;
};
struct SendResult {
  struct Unreached {
    DeviceName device;
    bool full = false;  ///< its mailbox is full; else it is not registered, or not attached when not stored
  };
  std::vector<Unreached> unknown;
  size_t accepted = 0;
};

Result<SendRequest> parseSend(std::string_view json, const MessageLimits& limits, size_t maxBytes);
/// `{"upTo":n}`.
Result<uint64_t> parseAck(std::string_view json);

/// `{"unknown":[...],"accepted":n}`.
std::string sendResultJson(const SendResult& result);
/// The event `detached`.
std::string detachedEvent();

}  // namespace sotto::signaling
