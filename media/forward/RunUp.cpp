#include "media/forward/RunUp.hpp"

namespace sotto::forward {

using base::Timestamp;

namespace {
constexpr uint64_t videoClock = 90'000;
}  // namespace

void RunUp::add(const ArrivedFrame& arrived, Timestamp now) {
  if (arrived.startsStream) {
    if (frames_.capacity() < maxFrames) frames_.reserve(maxFrames);
    frames_.clear();
    frames_.push_back(arrived);
    since_ = now;
  } else if (!frames_.empty()) {
    const bool broken = arrived.epoch != frames_.front().epoch;
    if (broken || frames_.size() == maxFrames) {
      frames_.clear();
    } else {
      frames_.push_back(arrived);
      learnTimes();
    }
  }
  expire(now);
}

/// The publisher's first report may come in the middle: it tells the capture times of the frames before, too.
void RunUp::learnTimes() {
  const ArrivedFrame& newest = frames_.back();
  if (!newest.captured || frames_.front().captured) return;
  for (ArrivedFrame& earlier : frames_) {
    const uint64_t ticks = newest.frame->rtpTimestamp - earlier.frame->rtpTimestamp;
    earlier.captured = rtp::NtpTime{newest.captured->value - (ticks << 32) / videoClock};
  }
}

void RunUp::expire(Timestamp now) {
  if (!frames_.empty() && age(now) > maxAge) frames_.clear();
}

}  // namespace sotto::forward
