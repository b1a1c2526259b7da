// The key id (KID) in a frame's SFrame header: whose key it is, which one, and how far ratcheted.
#pragma once

#include <cstdint>

namespace sotto::client::e2ee {

/// KID = sender << 16 | generation << 8 | step.
struct KeyId {
  uint16_t sender = 0;     ///< 1..65535, given by the server on joining
  uint8_t generation = 0;  ///< counts fresh keys, modulo 256
  uint8_t step = 0;        ///< ratchet steps since the fresh key

  constexpr uint64_t value() const {
    return static_cast<uint64_t>(sender) << 16 | static_cast<uint64_t>(generation) << 8 | step;
  }
  /// `value` must fit in 32 bits, as parseFrameMetadata has checked.
  static constexpr KeyId fromValue(uint64_t value) {
    return {static_cast<uint16_t>(value >> 16), static_cast<uint8_t>(value >> 8),
            static_cast<uint8_t>(value)};
  }
  constexpr bool operator==(const KeyId&) const = default;
};

}  // namespace sotto::client::e2ee
