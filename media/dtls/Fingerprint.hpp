// Certificate fingerprints as SDP carries them (RFC 8122 section 5).
#pragma once

#include <openssl/x509.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/base/Bytes.hpp"

namespace sotto::dtls {

/// A hash function and its value, read from SDP.
class Fingerprint {
 public:
  /// `algorithm` "sha-256", "sha-384" or "sha-512"; `value` hex bytes with colons between them, either case.
  /// nullopt for other functions (SHA-1 and MD5 prove nothing any more) and for values of a wrong form.
  static std::optional<Fingerprint> parse(std::string_view algorithm, std::string_view value);
  /// Whether `certificate` has this fingerprint. The comparison takes the same time wherever they differ.
  bool matches(const X509* certificate) const;

 private:
  const EVP_MD* function_ = nullptr;
  std::vector<uint8_t> digest_;
};

/// Upper-case hex with colons.
std::string toFingerprintText(base::ByteView digest);

}  // namespace sotto::dtls
