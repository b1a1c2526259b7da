// Opens data messages of other participants (docs/e2ee.md section 5); see DataSealer.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "client/native/e2ee/DataSealer.hpp"
#include "client/native/e2ee/ReplayWindow.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::e2ee {

enum class DataOpenError : uint8_t {
  Malformed,       ///< too short, or a KID that cannot be
  WrongSender,     ///< not of the sender that the caller expected
  UnknownKey,      ///< no key for this KID, nor one that ratchets to it
  Replay,          ///< counter seen before, or older than the replay window
  Authentication,  ///< wrong key, another address, or tampered
};
const char* toString(DataOpenError error);

/// The keys of all senders. Not thread-safe.
class DataOpener {
 public:
  /// As for frames: after a ratchet step that failed, so many messages of that sender are not tried.
  static constexpr unsigned messagesBetweenFailedRatchets = 50;
  /// Keys that are remembered after they were forgotten; beyond it none is installed any more.
  static constexpr size_t maxRetiredKeys = size_t{1} << 16;

  /// Makes messages with this KID, and by ratcheting later steps of its generation, open. The same key again
  /// changes nothing; a key that was forgotten takes up its replay window again.
  void installKey(KeyId keyId, base::ByteView mediaKey);
  void removeGeneration(uint16_t sender, uint8_t generation);
  void removeSender(uint16_t sender);

  struct Opened {
    KeyId key;
    std::vector<uint8_t> plain;
    uint16_t destination = 0;  ///< `self`, or 0: it was for everyone
  };
  /// `expectedSender` 0: whoever the key says. `self`: our own number; what is for somebody else does not
  /// open.
  tl::expected<Opened, DataOpenError> open(base::ByteView message, uint16_t expectedSender, uint16_t self,
                                           bool reliable);

 private:
  struct Key {
    SecretBytes mediaKey;
    DataKeys keys;
    ReplayWindow replay;
  };
  using Keys = std::map<uint64_t, Key>;
  using Fingerprint = std::array<uint8_t, 16>;
  static Fingerprint fingerprintOf(base::ByteView mediaKey);
  Key makeKey(uint64_t id, SecretBytes mediaKey) const;
  std::optional<Key> ratchetTo(KeyId target);
  void retire(Keys::iterator begin, Keys::iterator end);

  Keys keys_;  ///< by KID
  std::map<std::pair<uint64_t, Fingerprint>, ReplayWindow> retired_;
  std::map<uint16_t, unsigned> ratchetPause_;  ///< by sender
};

}  // namespace sotto::client::e2ee
