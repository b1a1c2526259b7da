#include "media/stream/SenderClock.hpp"

namespace sotto::stream {

void SenderClock::onPair(rtp::NtpTime ntp, uint32_t rtpTimestamp) {
  if (ntp.value == 0) return;  // RFC 3550 section 6.4.1: a sender without a wall clock
  pair_ = Pair{ntp, rtpTimestamp};
}

std::optional<rtp::NtpTime> SenderClock::toNtp(uint32_t rtpTimestamp) const {
  if (!pair_) return std::nullopt;
  const int64_t units = static_cast<int32_t>(rtpTimestamp - pair_->rtpTimestamp);
  const int64_t rate = clockRate_;
  int64_t seconds = units / rate;
  int64_t rest = units % rate;
  if (rest < 0) {
    --seconds;
    rest += rate;
  }
  const uint64_t fraction = (static_cast<uint64_t>(rest) << 32) / clockRate_;
  return rtp::NtpTime{pair_->ntp.value + (static_cast<uint64_t>(seconds) << 32) + fraction};
}

std::optional<uint32_t> SenderClock::toRtp(rtp::NtpTime ntp) const {
  if (!pair_) return std::nullopt;
  const int64_t difference = static_cast<int64_t>(ntp.value - pair_->ntp.value);
  const int64_t rate = clockRate_;
  const int64_t seconds = difference >> 32;  // rounds down, so the fraction is never negative
  const int64_t units = seconds * rate + (((difference & 0xFFFFFFFF) * rate + (int64_t{1} << 31)) >> 32);
  return pair_->rtpTimestamp + static_cast<uint32_t>(units);
}

std::optional<uint32_t> mapTimestamp(const SenderClock& from, const SenderClock& to, uint32_t rtpTimestamp) {
  const std::optional<rtp::NtpTime> ntp = from.toNtp(rtpTimestamp);
  return ntp ? to.toRtp(*ntp) : std::nullopt;
}

}  // namespace sotto::stream
