// Sealed files: the known answer, in pieces as in one, and nothing opened that is not what the message says.
#include "client/native/e2ee/content/MediaBlob.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/e2ee/E2eeTestSupport.hpp"

namespace sotto::client::e2ee {

using test::fromHex;
using test::toHex;

TEST_CASE("A sealed blob and its digest are the known answer") {
  const auto vector = test::loadVectors("duo-paper-known-answers.json")["media_message"];
  const SealedBlob blob = sealBlob(fromHex(vector["KM"]), fromHex(vector["plaintext"]));
  CHECK(toHex(blob.bytes) == vector["ciphertext"]);
  CHECK(toHex(blob.digest) == vector["digest_sha256"]);
}

TEST_CASE("A blob sealed in pieces is the blob sealed at once") {
  const auto km = test::mediaKey();
  const auto plain = test::testFrame(10'000);
  const SealedBlob whole = sealBlob(km, plain);
  auto pieces = plain;
  BlobCipher cipher(km);
  BlobDigest digest;
  size_t at = 0;
  for (const size_t size : {1u, 15u, 16u, 17u, 4'095u, 0u, 5'856u}) {
    const base::MutableByteView piece = base::MutableByteView(pieces).subspan(at, size);
    cipher.apply(piece);
    digest.update(piece);
    at += size;
  }
  REQUIRE(at == plain.size());
  CHECK(pieces == whole.bytes);
  CHECK(digest.finish() == whole.digest);
}

TEST_CASE("A blob of another size or digest is dropped unread") {
  const auto plain = test::testFrame(1'000);
  const SealedBlob blob = sealBlob(test::mediaKey(), plain);
  MediaMessage message;
  message.km = SecretBytes(test::mediaKey());
  message.digest = blob.digest;
  message.size = plain.size();
  REQUIRE(openBlob(message, blob.bytes));
  CHECK(*openBlob(message, blob.bytes) == plain);
  CHECK_FALSE(openBlob(message, base::ByteView(blob.bytes).first(999)));
  auto changed = blob.bytes;
  changed[500] ^= 1;
  CHECK_FALSE(openBlob(message, changed));
  ++message.size;
  CHECK_FALSE(openBlob(message, blob.bytes));
}

}  // namespace sotto::client::e2ee
