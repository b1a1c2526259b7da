// The frames of one stream from its newest key frame up to now, kept while they are few: with them a switch
// of layers need not go back in time. A key frame that came late (its packets were lost, or many) shows a
// moment that the old layer has left behind; sent together with all that followed it, it leads up to the
// present.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "media/base/Units.hpp"
#include "media/forward/ArrivedFrame.hpp"

namespace sotto::forward {

class RunUp {
 public:
  /// Since its key frame was complete. A longer one costs more to send, and to decode at once, than a new key
  /// frame.
  static constexpr base::TimeDelta maxAge = base::TimeDelta::millis(300);
  /// As many pictures with three spatial layers at 30 a second, and some.
  static constexpr size_t maxFrames = 32;

  /// The next frame of the stream, in decode order. Allocates on the first key frame only.
  void add(const ArrivedFrame& arrived, base::Timestamp now);
  /// Lets go of frames that are too old by now.
  void expire(base::Timestamp now);
  void clear() { frames_.clear(); }
  /// When its key frame was complete.
  base::Timestamp since() const { return since_; }
  base::TimeDelta age(base::Timestamp now) const { return now - since_; }
  /// Empty, or the key frame and every frame after it.
  std::span<const ArrivedFrame> frames() const { return frames_; }

 private:
  void learnTimes();

  std::vector<ArrivedFrame> frames_;
  base::Timestamp since_ = base::Timestamp::minusInfinity();
};

}  // namespace sotto::forward
