// Keys of stored state; see the header.
#include "client/native/e2ee/store/StoreKey.hpp"

#include <sodium/core.h>
#include <sodium/crypto_pwhash.h>
#include <sodium/utils.h>
#include <unistd.h>

#include <cerrno>

#include "client/native/e2ee/Hkdf.hpp"
#include "client/native/e2ee/store/AtomicFile.hpp"

namespace sotto::e2ee::store {
namespace {

using client::e2ee::SecretBytes;

static_assert(SealHeader::saltSize == crypto_pwhash_SALTBYTES);

base::Expected<SecretBytes> readKeyFile(const std::string& path) {
  auto content = readFile(path, sealKeySize);
  if (!content) return tl::make_unexpected(content.error());
  SecretBytes key{base::ByteView(*content)};
  sodium_memzero(content->data(), content->size());
  if (key.size() != sealKeySize) return base::fail(path + " is no key file: it must have 32 bytes");
  return key;
}

base::Expected<SecretBytes> stretch(const SealHeader& header, const Passphrase& passphrase) {
  // Chooses the fast code for this processor; harmless when done before.
  if (sodium_init() < 0) return base::fail("libsodium cannot be set up");
  SecretBytes key(sealKeySize);
  if (crypto_pwhash(key.writable().data(), key.size(), passphrase.text.data(), passphrase.text.size(),
                    header.salt.data(), header.cost.passes, size_t{header.cost.kibibytes} * 1024,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return base::fail("not enough memory to stretch the passphrase");
  }
  return key;
}

}  // namespace

SealHeader newSealHeader(const Unlock& unlock, base::Random& random) {
  SealHeader header;
  if (const auto* passphrase = std::get_if<Passphrase>(&unlock)) {
    header.lock = LockKind::Passphrase;
    header.cost = passphrase->cost;
  }
  random.fill(header.salt);
  return header;
}

base::Expected<void> ensureKeyFile(const Unlock& unlock, base::Random& random) {
  const auto* file = std::get_if<KeyFile>(&unlock);
  if (file == nullptr || ::access(file->path.c_str(), F_OK) == 0) return {};
  SecretBytes key(sealKeySize);
  random.fill(key.writable());
  return createFile(file->path, key.view());
}

base::Expected<SecretBytes> sealKey(const SealHeader& header, const Unlock& unlock) {
  const auto* passphrase = std::get_if<Passphrase>(&unlock);
  if ((passphrase != nullptr) != (header.lock == LockKind::Passphrase)) {
    return base::fail(passphrase != nullptr ? "this device is locked with a key file, not with a passphrase"
                                            : "this device is locked with a passphrase, not with a key file");
  }
  const auto secret =
      passphrase != nullptr ? stretch(header, *passphrase) : readKeyFile(std::get<KeyFile>(unlock).path);
  if (!secret) return tl::make_unexpected(secret.error());
  return client::e2ee::hkdf(client::e2ee::HashType::Sha256, secret->view(), header.salt, "SottoDeviceStore",
                            sealKeySize);
}

}  // namespace sotto::e2ee::store
