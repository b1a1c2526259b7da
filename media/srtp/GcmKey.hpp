// One AES-GCM session key of SRTP or SRTCP (RFC 7714): an OpenSSL context that is keyed once and gets a new
// initialization vector for each packet.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "media/base/Bytes.hpp"

struct evp_cipher_ctx_st;

namespace sotto::srtp {

class GcmKey {
 public:
  static constexpr size_t tagLength = 16;
  static constexpr size_t saltLength = 12;
  enum class Direction { Seal, Open };
  using Iv = std::array<uint8_t, 12>;

  /// Session key (16 or 32 bytes) and session salt (12 bytes). Throws std::runtime_error on other sizes and
  /// when OpenSSL fails.
  GcmKey(base::ByteView key, base::ByteView salt, Direction direction);

  /// RFC 7714 section 8.1: 0 | SSRC | roll-over counter | sequence number, xored with the salt.
  Iv rtpIv(uint32_t ssrc, uint64_t packetIndex) const;
  /// RFC 7714 section 9.1: 0 | SSRC | 0 | 31-bit SRTCP index, xored with the salt.
  Iv rtcpIv(uint32_t ssrc, uint32_t index) const;

  /// A packet: begin, any associated data, any pieces of text, and one of the two finishes. All return false
  /// when OpenSSL fails; finishOpen also when the tag is wrong. `out` has the size of `in`, and may be `in`.
  bool begin(const Iv& iv);
  bool associate(base::ByteView data);
  bool transform(base::ByteView in, uint8_t* out);
  bool finishSeal(uint8_t* tag);
  bool finishOpen(const uint8_t* tag);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
  Iv salt_{};
};

}  // namespace sotto::srtp
