// The key directory's JSON (docs/directory.md, HTTP) as plain values, whatever carries it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/native/e2ee/messenger/MessengerPorts.hpp"

namespace sotto::client::call {

// ---- bodies of requests
std::string makeKeys(const e2ee::DeviceKeys& keys);
std::string makeSignedPreKey(const e2ee::signal::PublicSignedPreKey& key);
std::string makeOneTimePreKeys(const std::vector<e2ee::signal::PublicPreKey>& keys);
std::string makeBundleRequest(const std::vector<std::string>& devices);
/// A name as one segment of a path, percent-encoded.
std::string pathSegment(std::string_view name);

// ---- bodies of answers. An answer that is none is the error "bad_answer"
/// Bundles whose keys are no keys, or are not signed by their identity, are left out.
e2ee::DirectoryResult<std::vector<e2ee::DeviceBundle>> parseBundles(std::string_view json);
e2ee::DirectoryResult<std::vector<std::string>> parseDevices(std::string_view json);
e2ee::DirectoryResult<size_t> parsePreKeyCount(std::string_view json);
/// Of an answer whose status is not 2xx.
e2ee::DirectoryError parseDirectoryError(unsigned status, std::string_view json);

}  // namespace sotto::client::call
