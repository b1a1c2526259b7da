// One media key with all that belongs to it.
#pragma once

#include "client/native/e2ee/KeyId.hpp"
#include "client/native/e2ee/SecretBytes.hpp"
#include "media/frame/FrameMetadata.hpp"

namespace sotto::client::e2ee {

/// One media key: what a key message carries.
struct MediaKey {
  KeyId id;
  frame::Suite suite = frame::Suite::Duo;
  SecretBytes secret;  ///< SK, 32 bytes

  static constexpr size_t secretSize = 32;
  MediaKey clone() const { return {id, suite, secret.clone()}; }
};

}  // namespace sotto::client::e2ee
