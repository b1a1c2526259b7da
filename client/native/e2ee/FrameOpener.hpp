// Opens incoming sealed frames of all senders. Nothing of a frame is used before its MAC has verified.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "client/native/e2ee/ReplayWindow.hpp"
#include "client/native/e2ee/SuiteCipher.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::e2ee {

/// Why a frame was not opened. `Empty` and `Replay` happen in healthy calls (zero-length frames, duplicates
/// from bandwidth probing) and are to be dropped without a word.
enum class OpenError : uint8_t {
  Empty,           ///< zero-length frame
  Trailer,         ///< no valid FrameMetadata at its end
  WrongSender,     ///< not of the sender that the caller expected
  UnknownKey,      ///< no key for this KID, nor one that ratchets to it: waiting for keys
  WrongSuite,      ///< not the suite that the key was installed for
  Replay,          ///< counter seen before, or older than the replay window
  Authentication,  ///< MAC does not verify: wrong key or tampered
};
constexpr size_t openErrorCount = 7;
const char* toString(OpenError error);

/// The keys of all senders. Not thread-safe.
class FrameOpener {
 public:
  /// How many steps ahead of a known key a frame may be for the key to be ratcheted to it: joins come in ones
  /// and twos, and each step tried costs an attacker nothing and us one HKDF.
  static constexpr unsigned maxRatchetSteps = 32;

  /// Makes frames with this KID (and, by ratcheting, later steps of its generation) decryptable. The same SK
  /// again changes nothing; another SK under a known KID replaces it and everything ratcheted from it.
  void installKey(KeyId keyId, frame::Suite suite, base::ByteView mediaKey);
  /// Forgets one generation of a sender's keys, or all of a sender.
  void removeGeneration(uint16_t sender, uint8_t generation);
  void removeSender(uint16_t sender);
  bool hasKeyOf(uint16_t sender) const;

  /// Checks and decrypts `sealed`, appending the frame to `out`; returns its metadata, which the MAC covers.
  /// On an error `out` is as it was. `expectedSender` 0: whoever the key says.
  tl::expected<frame::FrameMetadata, OpenError> open(base::ByteView sealed, std::vector<uint8_t>& out,
                                                     uint16_t expectedSender = 0);

 private:
  struct ReceiveKey {
    SecretBytes mediaKey;
    SuiteCipher cipher;
    ReplayWindow replay;
  };
  struct Parts {
    base::ByteView clear, cipherText, mac, trailer;
  };
  std::optional<ReceiveKey> ratchetTo(KeyId target) const;
  /// `parsed` has been range-checked against `sealed` by parseFrameMetadata.
  static Parts split(base::ByteView sealed, const frame::ParsedMetadata& parsed, size_t macLength);

  std::map<uint64_t, ReceiveKey> keys_;  ///< by KID
};

}  // namespace sotto::client::e2ee
