// Transport-wide feedback towards a publisher (draft-holmer-rmcat-transport-wide-cc-extensions-01): when to
// send it. Browsers raise their rate, up to the top simulcast layer, only on the strength of these packets.
#pragma once

#include <cstdint>

#include "media/base/Sequence.hpp"
#include "media/base/Units.hpp"
#include "media/congestion/RateMeter.hpp"
#include "media/rtp/TransportFeedback.hpp"

namespace sotto::congestion {

class FeedbackGenerator {
 public:
  static constexpr base::TimeDelta minInterval = base::TimeDelta::millis(50);
  static constexpr base::TimeDelta maxInterval = base::TimeDelta::millis(100);
  /// The estimator at the other end starts from nothing: feed it at the fastest pace for so long.
  static constexpr base::TimeDelta fastStart = base::TimeDelta::seconds(5);
  /// Between min and max, feedback takes about this share of the rate that it reports on.
  static constexpr double overheadShare = 0.05;
  /// Probe clusters come in bursts: a feedback is due at once when so many packets wait.
  static constexpr size_t packetsAtOnce = 200;

  /// A packet of `size` bytes with this transport-wide sequence number, on stream `ssrc`, reached this
  /// machine at `arrival` (what the other end is told) and was read `now` (what our own pace goes by).
  void onPacket(uint16_t sequence, uint32_t ssrc, size_t size, base::Timestamp arrival, base::Timestamp now);
  /// plusInfinity when there is nothing to report.
  base::Timestamp nextDeadline() const;
  /// Writes one feedback packet when due; call until it returns 0. `out` of 1,200 bytes holds any.
  size_t write(uint32_t senderSsrc, base::Timestamp now, base::MutableByteView out);

 private:
  rtp::TransportFeedbackBuilder builder_;
  base::SequenceUnwrapper unwrapper_;
  RateMeter incoming_;
  uint32_t mediaSsrc_ = 0;
  size_t waiting_ = 0;
  bool writing_ = false;  ///< a due report takes more than one packet
  base::Timestamp first_ = base::Timestamp::minusInfinity();
  base::Timestamp oldestWaiting_ = base::Timestamp::plusInfinity();
  base::Timestamp lastSent_ = base::Timestamp::minusInfinity();
  base::TimeDelta interval_ = minInterval;
};

}  // namespace sotto::congestion
