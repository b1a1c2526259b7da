// Opens incoming sealed frames of all senders. Nothing of a frame is used before its MAC has verified.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
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
  /// Ratcheting to the step that a frame names costs up to 255 derivations, and anybody on the way can name
  /// one. So after a try that failed, this many frames of the same sender are not tried.
  static constexpr unsigned framesBetweenFailedRatchets = 50;

  /// Keys that are remembered after they were forgotten. No honest room comes near; beyond it no key is
  /// installed any more, rather than one with an empty replay window.
  static constexpr size_t maxRetiredKeys = size_t{1} << 16;

  /// Makes frames with this KID (and, by ratcheting, later steps of its generation) decryptable. The same SK
  /// again changes nothing; another SK under a known KID replaces it and everything ratcheted from it. A key
  /// that was forgotten takes up its replay window again: a server that has one forgotten must not get to
  /// replay its frames.
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
  using Keys = std::map<uint64_t, ReceiveKey>;
  /// What names a key without being of any use to open frames with.
  using Fingerprint = std::array<uint8_t, 16>;
  static Fingerprint fingerprintOf(base::ByteView mediaKey);
  void retire(Keys::iterator begin, Keys::iterator end);
  ReceiveKey makeKey(uint64_t id, frame::Suite suite, SecretBytes mediaKey) const;
  struct Parts {
    base::ByteView clear, cipherText, mac, trailer;
  };
  std::optional<ReceiveKey> ratchetTo(KeyId target);
  /// `parsed` has been range-checked against `sealed` by parseFrameMetadata.
  static Parts split(base::ByteView sealed, const frame::ParsedMetadata& parsed, size_t macLength);

  Keys keys_;  ///< by KID
  std::map<std::pair<uint64_t, Fingerprint>, ReplayWindow> retired_;
  std::map<uint16_t, unsigned> ratchetPause_;  ///< by sender: frames that are not tried
};

}  // namespace sotto::client::e2ee
