// One media key (SK) at work in one suite: key schedule, sealing and opening of single frames.
// docs/frame-format.md has the construction of `duo`; the GCM suites are RFC 9605 sections 4.4.2 and 4.4.3.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "client/native/e2ee/KeyId.hpp"
#include "client/native/e2ee/SecretBytes.hpp"
#include "media/frame/FrameMetadata.hpp"

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace sotto::client::e2ee {

/// SK' = HKDF-SHA256(SK, salt "", "SFrameRatchetKey", 32): one ratchet step.
SecretBytes ratchetKey(base::ByteView mediaKey);

/// What a suite derives from SK. `salt`: 16 bytes in duo, of which the first 12 are used; 12 in GCM.
struct SuiteKeys {
  SecretBytes encryption;
  SecretBytes authentication;  ///< duo only
  SecretBytes salt;
};
SuiteKeys deriveSuiteKeys(frame::Suite suite, base::ByteView mediaKey, uint64_t keyId);

/// Seals and opens with one key. Keeps no counter and no replay state: FrameSealer and FrameOpener do.
class SuiteCipher {
 public:
  static constexpr size_t nonceSize = 12;

  SuiteCipher(frame::Suite suite, base::ByteView mediaKey, uint64_t keyId);
  SuiteCipher(SuiteCipher&&) noexcept;
  SuiteCipher& operator=(SuiteCipher&&) noexcept;
  ~SuiteCipher();

  frame::Suite suite() const { return suite_; }
  size_t macLength() const { return frame::macLength(suite_); }
  /// u96(CTR) XOR salt.
  std::array<uint8_t, nonceSize> nonce(uint64_t counter) const;

  /// Writes ciphertext (as long as `plain`) and then the MAC into `out`, which must hold exactly both.
  /// `clear` and `trailer` are covered by the MAC. `out` may not overlap `plain`. False only when OpenSSL
  /// fails.
  bool seal(uint64_t counter, base::ByteView clear, base::ByteView plain, base::ByteView trailer,
            base::MutableByteView out);
  /// Checks the MAC in constant time, then decrypts `cipherText` into `out` (same length). On false nothing
  /// of the frame may be used, and `out` holds zeros.
  bool open(uint64_t counter, base::ByteView clear, base::ByteView cipherText, base::ByteView mac,
            base::ByteView trailer, base::MutableByteView out);

 private:
  struct CipherDeleter {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  struct MacDeleter {
    void operator()(evp_mac_ctx_st* context) const;
  };
  bool runCtr(uint64_t counter, base::ByteView in, base::MutableByteView out);
  bool computeMac(base::ByteView clear, base::ByteView cipherText, base::ByteView trailer,
                  std::array<uint8_t, 32>& mac);
  bool gcmAad(bool sealing, uint64_t counter, base::ByteView clear, base::ByteView trailer);
  bool sealGcm(uint64_t counter, base::ByteView clear, base::ByteView plain, base::ByteView trailer,
               base::MutableByteView out);
  bool openGcm(uint64_t counter, base::ByteView clear, base::ByteView cipherText, base::ByteView mac,
               base::ByteView trailer, base::MutableByteView out);

  frame::Suite suite_;
  uint64_t keyId_;
  SecretBytes salt_;
  std::unique_ptr<evp_cipher_ctx_st, CipherDeleter> cipher_;
  std::unique_ptr<evp_mac_ctx_st, MacDeleter> mac_;  ///< duo only
};

}  // namespace sotto::client::e2ee
