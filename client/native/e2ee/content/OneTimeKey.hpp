// The one-time-key form (docs/e2ee.md section 3): one body sealed once for many devices, each of which gets
// the key in its own session.
#pragma once

#include <vector>

#include "client/native/e2ee/content/Content.hpp"
#include "client/native/e2ee/keys/DeviceId.hpp"
#include "media/base/Random.hpp"

namespace sotto::client::e2ee {

/// What a shared body is bound to, besides its key.
struct SharedContext {
  Purpose purpose = Purpose::MediaKey;
  std::string group;
  DeviceId sender;
  MessageId message{};

  /// purpose || length and bytes of group, user and device || message id. Names over 255 bytes do not exist.
  std::vector<uint8_t> aad() const;
};

struct SharedBody {
  SharedKey key;
  std::vector<uint8_t> sealed;  ///< with the tag of 16 bytes at its end
};

/// Seals a padded body under a key drawn for it.
SharedBody sealShared(base::ByteView padded, const SharedContext& context, base::Random& random);
/// The padded body; nullopt when digest or tag do not fit, and so with a wrong context.
std::optional<SecretBytes> openShared(const SharedKey& key, base::ByteView sealed,
                                      const SharedContext& context);

// The bare construction, for known answers.
std::vector<uint8_t> sealOneTime(base::ByteView km, base::ByteView plain, base::ByteView aad);
std::optional<SecretBytes> openOneTime(base::ByteView km, base::ByteView sealed, base::ByteView aad);
Sha256Digest sha256(base::ByteView bytes);

}  // namespace sotto::client::e2ee
