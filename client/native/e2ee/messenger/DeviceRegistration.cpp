// Registration in the directory; see the header. Private halves are stored before public ones leave.
#include "client/native/e2ee/messenger/DeviceRegistration.hpp"

namespace sotto::client::e2ee {

namespace {

template <typename T>
std::string problem(const DirectoryResult<T>& result) {
  return result ? std::string() : result.error().message + " (" + result.error().code + ")";
}

}  // namespace

void DeviceRegistration::registerDevice(Done done) {
  const size_t have = store_.keys().oneTimePreKeys().size();
  if (have < signal::KeyStore::fullOneTimePreKeys) {
    (void)store_.createOneTimePreKeys(signal::KeyStore::fullOneTimePreKeys - have, random_);
  }
  if (const auto saved = storage_.save(store_); !saved) return done(saved.error().message);
  DeviceKeys keys;
  keys.identityKey = store_.keys().identity().publicKey;
  keys.registrationId = store_.keys().registrationId();
  keys.signedPreKey = store_.keys().signedPreKey();
  keys.oneTimePreKeys = store_.keys().oneTimePreKeys();
  if (keys.oneTimePreKeys.size() > signal::KeyStore::fullOneTimePreKeys) {
    // The youngest: the directory takes no more, and has handed out the oldest first.
    keys.oneTimePreKeys.erase(
        keys.oneTimePreKeys.begin(),
        keys.oneTimePreKeys.end() - static_cast<std::ptrdiff_t>(signal::KeyStore::fullOneTimePreKeys));
  }
  directory_.putKeys(
      keys, [done = std::move(done)](const DirectoryResult<size_t>& result) { done(problem(result)); });
}

void DeviceRegistration::refill(size_t remaining, Done done) {
  if (refilling_ || remaining >= signal::KeyStore::fullOneTimePreKeys) return done("");
  auto fresh = store_.createOneTimePreKeys(signal::KeyStore::fullOneTimePreKeys - remaining, random_);
  const auto saved = storage_.save(store_);
  if (!saved) return done(saved.error().message);
  const auto keys = std::move(fresh).release(*saved);
  if (!keys) return done("the storage did not keep the new prekeys");
  refilling_ = true;
  directory_.addOneTimePreKeys(*keys, [this, done = std::move(done),
                                       alive = std::weak_ptr(alive_)](const DirectoryResult<size_t>& result) {
    if (!alive.expired()) refilling_ = false;
    done(problem(result));
  });
}

void DeviceRegistration::renewIfDue(uint64_t unixSeconds, Done done) {
  if (!store_.keys().signedPreKeyIsDue(unixSeconds)) return done("");
  auto fresh = store_.renewSignedPreKey(random_, unixSeconds);
  const auto saved = storage_.save(store_);
  if (!saved) return done(saved.error().message);
  const auto key = std::move(fresh).release(*saved);  // NOLINT(performance-move-const-arg): released once
  if (!key) return done("the storage did not keep the new signed prekey");
  directory_.renewSignedPreKey(
      *key, [done = std::move(done)](const DirectoryResult<bool>& result) { done(problem(result)); });
}

}  // namespace sotto::client::e2ee
