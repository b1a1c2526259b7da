// Lets a test know what the secrets of this process are, so that it can look for them wherever they must not
// be: what a key log is to TLS. Nobody listens unless the program was told to (sotto-client --log-secrets).
#pragma once

#include <functional>
#include <string_view>

#include "media/base/Bytes.hpp"

namespace sotto::client::e2ee {

/// `kind`: where the secret belongs, for a person; `secret` is valid during the call only.
using SecretListener = std::function<void(std::string_view kind, base::ByteView secret)>;

/// From now on `listener` hears of every key, and every secret that keys are derived from, that this process
/// makes or uses. To be called before there are threads; an empty one ends it.
void listenToSecrets(SecretListener listener);

/// Whether anybody listens.
bool secretsAreHeard();
/// A secret has come into use.
void noticeSecret(std::string_view kind, base::ByteView secret);

}  // namespace sotto::client::e2ee
