// Shared by the tests of the Signal protocol: hexadecimal, vector files, keys with known bytes.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/native/e2ee/signal/DeviceStore.hpp"

namespace sotto::e2ee::signal::test {

using Bytes = std::vector<uint8_t>;

inline Bytes fromHex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

inline std::string toHex(base::ByteView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

inline Bytes bytesOf(const std::string& text) {
  return {text.begin(), text.end()};
}

inline nlohmann::json loadVectors(const std::string& name) {
  std::ifstream file(std::string(SOTTO_TEST_DATA) + "/" + name);
  return nlohmann::json::parse(file);
}

inline PublicKey publicKey(const nlohmann::json& hex32) {
  return PublicKey::fromU(fromHex(hex32.get<std::string>()));
}

inline PrivateKey privateKey(const nlohmann::json& hex32) {
  return PrivateKey::fromBytes(fromHex(hex32.get<std::string>()));
}

inline KeyPair keyPair(const nlohmann::json& hex32) {
  return KeyPair::of(privateKey(hex32));
}

/// A device's keys that are all given: written as a store would write them, and read back.
struct GivenKeys {
  KeyPair identity;
  uint32_t registrationId = 0;
  uint32_t signedPreKeyId = 0;
  KeyPair signedPreKey;
  std::optional<std::pair<uint32_t, KeyPair>> oneTime;

  KeyStore store() const {
    base::SeededRandom random(1);
    StateWriter out;
    out.keyPair(identity);
    out.u32(registrationId);
    out.count(1);
    out.u32(signedPreKeyId);
    out.keyPair(signedPreKey);
    out.raw(sign(identity.privateKey, signedPreKey.publicKey.serialize(), random));
    out.u64(0);
    out.count(oneTime ? 1 : 0);
    if (oneTime) {
      out.u32(oneTime->first);
      out.keyPair(oneTime->second);
    }
    out.u32(1);
    StateReader in(out.written());
    return KeyStore::read(in).value();
  }
};

/// A bundle of what a store offers, as the directory would hand it out.
inline PreKeyBundle bundleOf(const KeyStore& keys, bool withOneTime = true) {
  PreKeyBundle bundle{keys.registrationId(), keys.identity().publicKey, keys.signedPreKey(), std::nullopt};
  const auto oneTime = keys.oneTimePreKeys();
  if (withOneTime && !oneTime.empty()) bundle.oneTimePreKey = oneTime.front();
  return bundle;
}

/// Keeps the last state in memory.
class MemoryStorage final : public DeviceStorage {
 public:
  Bytes state;

 protected:
  base::Expected<void> write(base::ByteView bytes) override {
    state.assign(bytes.begin(), bytes.end());
    return {};
  }
};

/// A device that stores in memory, with the two steps of sealing in one.
struct TestDevice {
  base::SeededRandom random;
  DeviceStore store;
  MemoryStorage storage;

  TestDevice(const std::string& user, uint64_t seed)
      : random(seed), store(DeviceStore::create({user, "phone"}, random, 1000)) {
    save(store.createOneTimePreKeys(KeyStore::fullOneTimePreKeys, random));
  }

  const DeviceName& name() const { return store.self(); }
  template <typename T>
  T save(Pending<T> pending) {
    return std::move(pending).release(storage.save(store).value()).value();
  }
  /// A bundle whose one-time prekey nobody else gets, as long as the device opens what uses it.
  PreKeyBundle bundle(bool withOneTime = true) const { return bundleOf(store.keys(), withOneTime); }
  CiphertextMessage seal(const TestDevice& to, const std::string& text) {
    return save(store.encrypt(to.name(), bytesOf(text)).value());
  }
  /// The plaintext, or the word for the error.
  std::string open(const TestDevice& from, const CiphertextMessage& message) {
    const auto plain = store.decrypt(from.name(), message.type, message.body, random);
    return plain ? std::string(plain->begin(), plain->end()) : "!" + std::string(toString(plain.error()));
  }
  std::string state() const { return toHex(store.serialize().view()); }
};

}  // namespace sotto::e2ee::signal::test
