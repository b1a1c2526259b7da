// The keys of this device: identity, signed prekeys, one-time prekeys ("The X3DH Key Agreement Protocol",
// section 3.1). A plain value; who keeps it on disk is DeviceStoreFile.
#pragma once

#include <vector>

#include "client/native/e2ee/signal/PreKeyBundle.hpp"
#include "client/native/e2ee/signal/StateCodec.hpp"

namespace sotto::e2ee::signal {

class KeyStore {
 public:
  /// A registration id is 1..16380, a prekey id 1..2^24 - 1: what deployed implementations take.
  static constexpr uint32_t maxRegistrationId = 16380;
  static constexpr uint32_t maxPreKeyId = (1u << 24) - 1;
  /// A signed prekey serves for 7 days; the one before is kept for messages on their way.
  static constexpr uint64_t signedPreKeySeconds = uint64_t{7} * 24 * 3600;
  /// How many one-time prekeys a device offers when it is full, and when it refills.
  static constexpr size_t fullOneTimePreKeys = 100;
  /// Private halves kept at most: handed out and never used, they would pile up. The oldest go first.
  static constexpr size_t maxOneTimePreKeys = 2000;

  /// A new device: identity, registration id, a signed prekey, no one-time prekeys. `now`: Unix seconds.
  static KeyStore create(base::Random& random, uint64_t now);

  const KeyPair& identity() const { return identity_; }
  uint32_t registrationId() const { return registrationId_; }

  PublicSignedPreKey signedPreKey() const;
  bool signedPreKeyIsDue(uint64_t now) const;
  PublicSignedPreKey renewSignedPreKey(base::Random& random, uint64_t now);
  /// The current or the last signed prekey; null for any other id.
  const KeyPair* findSignedPreKey(uint32_t id) const;

  /// Makes `count` more one-time prekeys, for the directory.
  std::vector<PublicPreKey> createOneTimePreKeys(size_t count, base::Random& random);
  /// All that no message has used yet, oldest first.
  std::vector<PublicPreKey> oneTimePreKeys() const;
  const KeyPair* findOneTimePreKey(uint32_t id) const;
  /// Forgets a one-time prekey: a message has used it.
  void removeOneTimePreKey(uint32_t id);

  void write(StateWriter& out) const;
  static Result<KeyStore> read(StateReader& in);

 private:
  struct SignedPreKey {
    uint32_t id = 0;
    KeyPair pair;
    Signature signature{};
    uint64_t created = 0;  ///< Unix seconds
  };
  struct OneTimePreKey {
    uint32_t id = 0;
    KeyPair pair;
  };

  KeyStore() = default;
  SignedPreKey makeSignedPreKey(uint32_t id, base::Random& random, uint64_t now) const;

  KeyPair identity_;
  uint32_t registrationId_ = 0;
  std::vector<SignedPreKey> signed_;  ///< one or two, the current one last
  std::vector<OneTimePreKey> oneTime_;
  uint32_t nextOneTimeId_ = 1;
};

}  // namespace sotto::e2ee::signal
