// The RTP timestamps that one recipient sees in one slot, whatever layer or source plays there: monotonic,
// and right in time across a switch, by the publisher's sender reports where they are known, else by arrival.
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Units.hpp"
#include "media/rtp/NtpTime.hpp"

namespace sotto::forward {

class TimestampMapper {
 public:
  /// Sender reports that disagree with the times of arrival by more than this are not believed.
  static constexpr base::TimeDelta maxClockDisagreement = base::TimeDelta::seconds(1);
  /// A jump of the publisher's own timestamps further than this past the time of arrival is not passed on.
  static constexpr base::TimeDelta maxJump = base::TimeDelta::seconds(10);

  /// Times closer than this may be of one picture.
  static constexpr base::TimeDelta samePicture = base::TimeDelta::millis(10);

  /// `first`: timestamp of the first frame; should be random (RFC 3550 section 5.1).
  TimestampMapper(uint32_t clockRate, uint32_t first) : clockRate_(clockRate), last_(first) {}

  struct Input {
    uint32_t timestamp = 0;                ///< as the publisher wrote it
    std::optional<rtp::NtpTime> captured;  ///< on the publisher's clock
    base::Timestamp arrival;
    bool switched = false;     ///< of another stream than the frame before
    bool samePicture = false;  ///< shares its timestamp with the frame before
  };
  /// The timestamp to send. `sameClock`: the stream before was of the same publisher.
  uint32_t map(const Input& input, bool sameClock);

 private:
  /// Rounded, since NTP fractions lose a part of a microsecond.
  int64_t ticks(base::TimeDelta delta) const {
    const int64_t half = delta < base::TimeDelta::zero() ? -500'000 : 500'000;
    return (delta.us() * clockRate_ + half) / 1'000'000;
  }
  int64_t stepOnSwitch(const Input& input, bool sameClock) const;

  uint32_t clockRate_;
  bool started_ = false;
  uint32_t last_;
  uint32_t lastInput_ = 0;
  int64_t ahead_ = 0;  ///< ticks by which last_ is later than its frame, after a switch; negative: earlier
  std::optional<rtp::NtpTime> lastCaptured_;
  base::Timestamp lastArrival_;
};

}  // namespace sotto::forward
