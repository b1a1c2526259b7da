// Sealed files (docs/e2ee.md section 3, "Media messages"): AES-256-CTR under a key of their own, and a digest
// that travels in the message. Works in pieces, so that a file need not be in memory.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "client/native/e2ee/content/Content.hpp"

struct evp_cipher_ctx_st;
struct evp_md_ctx_st;

namespace sotto::client::e2ee {

/// Seals or opens: the same operation. One object for one blob, its pieces in order.
class BlobCipher {
 public:
  /// `km`: 32 bytes, drawn for this blob alone.
  explicit BlobCipher(base::ByteView km);
  BlobCipher(BlobCipher&&) noexcept;
  BlobCipher& operator=(BlobCipher&&) noexcept;
  ~BlobCipher();
  /// The next piece, in place.
  void apply(base::MutableByteView piece);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
};

/// SHA-256 over the sealed blob, in pieces.
class BlobDigest {
 public:
  BlobDigest();
  BlobDigest(BlobDigest&&) noexcept;
  BlobDigest& operator=(BlobDigest&&) noexcept;
  ~BlobDigest();
  void update(base::ByteView piece);
  /// Once, at the end.
  Sha256Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// A whole blob in memory: sealed, with its digest.
struct SealedBlob {
  std::vector<uint8_t> bytes;
  Sha256Digest digest{};
};
SealedBlob sealBlob(base::ByteView km, base::ByteView plain);
/// Nullopt when size or digest are not what the message says: nothing was opened then.
std::optional<std::vector<uint8_t>> openBlob(const MediaMessage& message, base::ByteView sealed);

}  // namespace sotto::client::e2ee
