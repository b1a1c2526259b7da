// The key directory over HTTP.
#include <array>

#include "server/Api.hpp"

namespace sotto::server {

namespace {

using signaling::KeyDirectory;
using signaling::Result;

/// 200 one-time prekeys are 20 KB of JSON.
constexpr uint64_t keysBody = 256 * 1024;
constexpr uint64_t smallBody = 16 * 1024;

KeyDirectory& keysOf(const Api::Call& call) {
  return call.api.service.keys(call.api.now());
}

/// Answers a parser's complaint; true when there was one.
template <typename T>
bool refused(const Api::Call& call, const Result<T>& parsed) {
  if (parsed) return false;
  call.respond(apiError(parsed.error()));
  return true;
}

KeyDirectory::Done<size_t> answerCount(Respond respond) {
  return [respond = std::move(respond)](Result<size_t> count) {
    respond(count ? jsonResponse(200, signaling::preKeyCountJson(*count)) : apiError(count.error()));
  };
}

KeyDirectory::Done<KeyDirectory::None> answerEmpty(Respond respond) {
  return [respond = std::move(respond)](Result<KeyDirectory::None> done) {
    respond(done ? jsonResponse(200, "{}") : apiError(done.error()));
  };
}

void put(Api::Call call) {
  auto registration = signaling::parseRegistration(call.request.body, call.api.limits.directory);
  if (refused(call, registration)) return;
  keysOf(call).put(call.device, *std::move(registration), answerCount(std::move(call.respond)));
}

void renew(Api::Call call) {
  auto key = signaling::parseSignedPreKey(call.request.body);
  if (refused(call, key)) return;
  keysOf(call).renew(call.device, *std::move(key), answerEmpty(std::move(call.respond)));
}

void add(Api::Call call) {
  auto keys = signaling::parseOneTimePreKeys(call.request.body, call.api.limits.directory);
  if (refused(call, keys)) return;
  keysOf(call).add(call.device, *std::move(keys), answerCount(std::move(call.respond)));
}

void status(Api::Call call) {
  keysOf(call).status(call.device, [respond = std::move(call.respond)](Result<signaling::KeyStatus> status) {
    respond(status ? jsonResponse(200, signaling::keyStatusJson(*status)) : apiError(status.error()));
  });
}

void removeDevice(Api::Call call) {
  keysOf(call).remove({call.device.user, call.parameters[0]}, answerEmpty(std::move(call.respond)));
}

void devices(Api::Call call) {
  using Devices = std::vector<signaling::DeviceInfo>;
  keysOf(call).devices(call.parameters[0], [respond = std::move(call.respond)](Result<Devices> found) {
    respond(found ? jsonResponse(200, signaling::devicesJson(*found)) : apiError(found.error()));
  });
}

void bundles(Api::Call call) {
  using Bundles = std::vector<signaling::Bundle>;
  auto names = signaling::parseBundleRequest(call.request.body, call.api.limits.directory);
  if (refused(call, names)) return;
  keysOf(call).bundles(
      call.device.user, call.parameters[0], *std::move(names),
      [respond = std::move(call.respond)](Result<Bundles> found) {
        respond(found ? jsonResponse(200, signaling::bundlesJson(*found)) : apiError(found.error()));
      });
}

}  // namespace

std::span<const Api::Route> keyRoutes() {
  static constexpr std::array<Api::Route, 7> routes{
      {{"PUT", "/keys", keysBody, put, nullptr},
       {"GET", "/keys", 0, status, nullptr},
       {"PUT", "/keys/signed", smallBody, renew, nullptr},
       {"POST", "/keys/one-time", keysBody, add, nullptr},
       {"DELETE", "/devices/{device}", 0, removeDevice, nullptr},
       {"GET", "/users/{user}/devices", 0, devices, nullptr},
       {"POST", "/users/{user}/bundles", smallBody, bundles, nullptr}}};
  return routes;
}

}  // namespace sotto::server
