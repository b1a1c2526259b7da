// A Curve25519 public key as Signal writes it: type byte 0x05, then the u coordinate (RFC 7748) in 32 bytes.
#pragma once

#include <array>
#include <compare>

#include "client/native/e2ee/signal/SignalError.hpp"
#include "media/base/Bytes.hpp"

namespace sotto::e2ee::signal {

class PublicKey {
 public:
  static constexpr size_t wireSize = 33;
  static constexpr uint8_t typeCurve25519 = 0x05;
  using Wire = std::array<uint8_t, wireSize>;

  /// The key of low order 0: a placeholder in values that are about to be filled, useless for any agreement.
  PublicKey() = default;
  /// From the wire: exactly 33 bytes, type 5, u below 2^255 - 19 with the top bit clear. Whoever follows the
  /// protocol sends no other form, and two forms of one key would pass for two identities.
  static Result<PublicKey> parse(base::ByteView wire);
  /// From 32 bytes that were computed here or are checked otherwise.
  static PublicKey fromU(base::ByteView u);

  Wire serialize() const;
  base::ByteView u() const { return u_; }
  auto operator<=>(const PublicKey&) const = default;

 private:
  std::array<uint8_t, 32> u_{};
};

}  // namespace sotto::e2ee::signal
