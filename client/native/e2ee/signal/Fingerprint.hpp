// The safety number of two devices: Signal's numeric fingerprint (version 0, 5,200 iterations) and its
// scannable form.
#pragma once

#include <string>
#include <vector>

#include "client/native/e2ee/signal/PublicKey.hpp"

namespace sotto::e2ee::signal {

/// One of the two: the identifier that both know it by (its user name in UTF-8) and its identity key.
struct FingerprintParty {
  base::ByteView stableId;
  PublicKey identityKey;
};

class Fingerprint {
 public:
  static constexpr unsigned iterations = 5200;
  /// The deployed number for identifiers that are no telephone numbers.
  static constexpr uint32_t scannableVersion = 2;

  enum class ScanResult : uint8_t { Match, Mismatch, OtherVersion };

  /// 2 x 5,200 hashes: some milliseconds.
  Fingerprint(const FingerprintParty& local, const FingerprintParty& remote);

  /// 60 digits, the same on both sides.
  std::string digits() const;
  /// Protobuf CombinedFingerprints, for the QR code: version 1, our fingerprint 2, theirs 3.
  std::vector<uint8_t> scannable(uint32_t version = scannableVersion) const;
  /// Holds what the other side shows against ours, crosswise. Malformed when it is no such thing.
  Result<ScanResult> compare(base::ByteView scanned, uint32_t version = scannableVersion) const;

  using Hash = std::array<uint8_t, 64>;
  const Hash& local() const { return local_; }
  const Hash& remote() const { return remote_; }

 private:
  Hash local_;
  Hash remote_;
};

/// The first 30 bytes of a hash, as 30 decimal digits: five for each five bytes, modulo 100,000.
std::string thirtyDigits(base::ByteView hash);

}  // namespace sotto::e2ee::signal
