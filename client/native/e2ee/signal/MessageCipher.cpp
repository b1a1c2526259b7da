// AES-256-CBC by OpenSSL; see the header. Encryption fails only when OpenSSL itself is broken.
#include "client/native/e2ee/signal/MessageCipher.hpp"

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

namespace sotto::e2ee::signal {
namespace {

constexpr size_t blockSize = 16;

struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter>;

/// True and `out` resized to what came out; false for wrong padding or a broken OpenSSL.
bool run(bool encrypt, const MessageKeys& keys, base::ByteView in, std::vector<uint8_t>& out) {
  const Context context(EVP_CIPHER_CTX_new());
  if (!context) throw std::bad_alloc();
  if (EVP_CipherInit_ex(context.get(), EVP_aes_256_cbc(), nullptr, keys.cipherKey.data(), keys.iv.data(),
                        encrypt ? 1 : 0) != 1) {
    return false;
  }
  out.resize(in.size() + blockSize);
  int first = 0;
  int last = 0;
  const bool done =
      EVP_CipherUpdate(context.get(), out.data(), &first, in.data(), static_cast<int>(in.size())) == 1 &&
      EVP_CipherFinal_ex(context.get(), out.data() + first, &last) == 1;
  if (!done) sodium_memzero(out.data(), out.size());
  out.resize(done ? static_cast<size_t>(first + last) : 0);
  return done;
}

}  // namespace

std::vector<uint8_t> cbcEncrypt(const MessageKeys& keys, base::ByteView plaintext) {
  std::vector<uint8_t> out;
  if (!run(true, keys, plaintext, out)) throw std::runtime_error("OpenSSL cannot encrypt with AES-256-CBC");
  return out;
}

Result<std::vector<uint8_t>> cbcDecrypt(const MessageKeys& keys, base::ByteView ciphertext) {
  std::vector<uint8_t> out;
  if (ciphertext.empty() || ciphertext.size() % blockSize != 0 || !run(false, keys, ciphertext, out)) {
    return refuse(SignalError::InvalidMessage);
  }
  return out;
}

}  // namespace sotto::e2ee::signal
