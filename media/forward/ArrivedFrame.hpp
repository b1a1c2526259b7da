// A frame of a source with its place in it: what the forwarding parts decide on.
#pragma once

#include <cstdint>
#include <optional>

#include "media/base/Units.hpp"
#include "media/forward/Ids.hpp"
#include "media/frame/Frame.hpp"
#include "media/rtp/NtpTime.hpp"

namespace sotto::forward {

struct ArrivedFrame {
  frame::FrameRef frame;
  LayerIndex layer = noLayer;
  uint8_t spatial = 0;          ///< within its stream: 0 but with VP9 SVC
  uint8_t temporal = 0;         ///< the higher of what trailer and descriptor say
  bool startsPicture = true;    ///< false: a further spatial layer of the picture before
  bool startsStream = false;    ///< decoding may begin here: the key frame of the lowest spatial layer
  bool temporalSwitch = false;  ///< decoding may go up to this temporal layer here
  bool disposable = false;      ///< no later frame needs it
  uint32_t epoch = 0;           ///< see Source::onRejected()
  std::optional<rtp::NtpTime> captured;  ///< on the publisher's clock, once that is known
};

/// When a picture was taken, as well as we know it: to tell which of two layers is ahead of the other.
struct Moment {
  /// Encoders make the layers of one picture within a few milliseconds; at 60 pictures a second the next
  /// one is 17 ms away.
  static constexpr base::TimeDelta samePicture = base::TimeDelta::millis(10);
  /// Clocks that disagree with the times of arrival by more than this are not believed.
  static constexpr base::TimeDelta maxClockDisagreement = base::TimeDelta::seconds(1);

  base::Timestamp began;                 ///< when the first of its packets to come had come
  std::optional<rtp::NtpTime> captured;  ///< on the publisher's clock

  Moment() = default;
  explicit Moment(const ArrivedFrame& arrived) : began(arrived.frame->began), captured(arrived.captured) {}
  /// An earlier picture than that of `other`, which is of the same publisher.
  bool isBefore(const Moment& other) const;
};

}  // namespace sotto::forward
