// NTP timestamps as RTCP carries them (RFC 3550 section 4): 32.32 fixed point seconds since 1900.
#pragma once

#include <compare>
#include <cstdint>

#include "media/base/Units.hpp"

namespace sotto::rtp {

struct NtpTime {
  uint64_t value = 0;  ///< seconds since 1900 in the upper 32 bits, fraction in the lower

  /// The middle 32 bits, the form of LSR and DLSR in report blocks.
  uint32_t compact() const { return static_cast<uint32_t>(value >> 16); }
  /// From microseconds since the Unix epoch.
  static constexpr NtpTime fromUnixMicros(int64_t micros) {
    constexpr int64_t unixEpoch = 2'208'988'800;  // seconds from 1900 to 1970
    const uint64_t seconds = static_cast<uint64_t>(micros / 1'000'000 + unixEpoch);
    const uint64_t fraction = (static_cast<uint64_t>(micros % 1'000'000) << 32) / 1'000'000;
    return {seconds << 32 | fraction};
  }
  auto operator<=>(const NtpTime&) const = default;
};

/// `later` - `earlier`, to the microsecond.
constexpr base::TimeDelta operator-(NtpTime later, NtpTime earlier) {
  const int64_t difference = static_cast<int64_t>(later.value - earlier.value);
  const int64_t seconds = difference >> 32;  // rounds down, so that the fraction below is never negative
  const int64_t micros = ((difference & 0xFFFFFFFF) * 1'000'000) >> 32;
  return base::TimeDelta::micros(seconds * 1'000'000 + micros);
}

/// A compact NTP difference (1/65536 s units, as in DLSR) as a duration, and back (0 when negative).
constexpr base::TimeDelta compactToDelta(uint32_t units) {
  return base::TimeDelta::micros((static_cast<int64_t>(units) * 1'000'000) >> 16);
}
constexpr uint32_t deltaToCompact(base::TimeDelta delta) {
  return delta.us() <= 0 ? 0 : static_cast<uint32_t>((delta.us() << 16) / 1'000'000);
}

}  // namespace sotto::rtp
