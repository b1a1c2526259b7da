// Maps a sender's RTP timestamps to its wall clock from the pairs in its sender reports (RFC 3550 section
// 6.4.1). Streams of one sender (simulcast layers, audio and video) meet on that clock.
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Sequence.hpp"
#include "media/rtp/NtpTime.hpp"

namespace sotto::stream {

class SenderClock {
 public:
  /// `clockRate` in Hz, above 0.
  explicit SenderClock(uint32_t clockRate) : clockRate_(clockRate) {}

  /// A pair from a sender report. A pair that runs backwards or jumps replaces what was known.
  void onPair(rtp::NtpTime ntp, uint32_t rtpTimestamp);
  bool known() const { return pair_.has_value(); }
  /// The sender's wall clock at `rtpTimestamp`; nullopt before the first report.
  std::optional<rtp::NtpTime> toNtp(uint32_t rtpTimestamp) const;
  /// The RTP timestamp at the sender's wall clock time `ntp`; nullopt before the first report.
  std::optional<uint32_t> toRtp(rtp::NtpTime ntp) const;

 private:
  struct Pair {
    rtp::NtpTime ntp;
    uint32_t rtpTimestamp = 0;
  };
  uint32_t clockRate_;
  std::optional<Pair> pair_;
};

/// The timestamp of stream `to` at the moment when stream `from` had `rtpTimestamp`; nullopt until both
/// clocks are known.
std::optional<uint32_t> mapTimestamp(const SenderClock& from, const SenderClock& to, uint32_t rtpTimestamp);

}  // namespace sotto::stream
