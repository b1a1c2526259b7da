// Seals outgoing data messages of a call - chat, reactions, an application's own - with the sender's media
// key under a label of their own (docs/e2ee.md section 5):
//   u32 KID || u64 counter || ChaCha20-Poly1305(DataKey, DataSalt XOR counter, plaintext, aad)
#pragma once

#include <optional>
#include <vector>

#include "client/native/e2ee/KeyId.hpp"
#include "client/native/e2ee/SecretBytes.hpp"

namespace sotto::client::e2ee {

/// How a data message travels. It is sealed in: the server cannot turn one kind into another.
struct DataAddress {
  bool reliable = true;
  uint16_t destination = 0;  ///< sender number of the one it is for; 0: everyone
};

/// Key and salt for data messages, from one media key (SK).
class DataKeys {
 public:
  explicit DataKeys(base::ByteView mediaKey);
  std::vector<uint8_t> seal(KeyId key, uint64_t counter, const DataAddress& address,
                            base::ByteView plain) const;
  /// `sealed`: what follows KID and counter.
  std::optional<std::vector<uint8_t>> open(KeyId key, uint64_t counter, const DataAddress& address,
                                           base::ByteView sealed) const;

 private:
  SecretBytes key_, salt_;
};

/// KID and counter in front of a sealed data message.
constexpr size_t dataHeaderSize = 12;
/// What sealing adds: the header, and the tag at the end.
constexpr size_t dataOverhead = dataHeaderSize + 16;

/// One for each participant. One counter runs through its whole life, whatever key is installed, so that no
/// pair of key and counter is ever used twice. Not thread-safe.
class DataSealer {
 public:
  /// `firstCounter` other than 0 is for known answers.
  explicit DataSealer(uint64_t firstCounter = 0) : nextCounter_(firstCounter) {}
  /// From the next message on, seal with `mediaKey` (SK, 32 bytes).
  void installKey(KeyId keyId, base::ByteView mediaKey);
  /// Fails closed from here on.
  void removeKey() { keys_.reset(); }
  bool hasKey() const { return keys_.has_value(); }

  /// Nullopt without a key, and when all 2^64 counters are used up.
  std::optional<std::vector<uint8_t>> seal(base::ByteView plain, const DataAddress& address);

 private:
  KeyId keyId_;
  std::optional<DataKeys> keys_;
  uint64_t nextCounter_;
  bool exhausted_ = false;
};

}  // namespace sotto::client::e2ee
