// Seals outgoing frames: ClearPrefix || Ciphertext || MAC || FrameMetadata (docs/frame-format.md).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "client/native/e2ee/SuiteCipher.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::e2ee {

enum class SealError : uint8_t {
  NoKey,             ///< no key installed: nothing may be sent
  CounterExhausted,  ///< all 2^64 counters are used up
  BadFrame,          ///< clear prefix longer than the frame, or frame larger than maxFrameSize
  Crypto,            ///< OpenSSL failed
};
const char* toString(SealError error);

/// One for each sending participant, over all of its streams and layers, so that no (key, CTR) is ever used
/// twice: one counter runs through the sealer's whole life and is not reset by a new key. Not thread-safe.
class FrameSealer {
 public:
  /// Larger than any encoded video frame; far below the 2^32 blocks after which AES-CTR would wrap.
  static constexpr size_t maxFrameSize = 16 << 20;

  /// `firstCounter` other than 0 is for a sealer that takes up another's key.
  explicit FrameSealer(frame::Suite suite, uint64_t firstCounter = 0);

  frame::Suite suite() const { return suite_; }
  /// Another suite needs its key installed anew; the counter goes on.
  void setSuite(frame::Suite suite) {
    if (suite != suite_) removeKey();
    suite_ = suite;
  }
  /// From the next frame on, seal with `mediaKey` (SK, 32 bytes). Installing a key again is harmless.
  void installKey(KeyId keyId, base::ByteView mediaKey);
  /// Fails closed from here on.
  void removeKey() { cipher_.reset(); }
  bool hasKey() const { return cipher_.has_value(); }
  KeyId keyId() const { return keyId_; }
  uint64_t nextCounter() const { return nextCounter_; }

  /// Appends the sealed form of `frame` to `out` and returns how many bytes that were. In `fields` the caller
  /// sets what describes the frame (video, keyFrame, layers, size, clearLength); keyId, counter and suite are
  /// filled in here. An empty frame appends nothing and returns 0. On an error `out` is as it was.
  tl::expected<size_t, SealError> seal(base::ByteView frame, frame::FrameMetadata fields,
                                       std::vector<uint8_t>& out);

 private:
  frame::Suite suite_;
  KeyId keyId_;
  std::optional<SuiteCipher> cipher_;
  uint64_t nextCounter_;
  bool exhausted_ = false;
};

}  // namespace sotto::client::e2ee
