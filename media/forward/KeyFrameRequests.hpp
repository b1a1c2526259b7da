// Joins the key frame requests of all recipients of one source and limits their rate towards its publisher
// (PLI, RFC 4585 section 6.3.1). Each request stands until the key frame has come. Browsers answer a request
// for one layer with a key frame of each: once a publisher has been seen to do so, a wish for another layer
// joins the request that is under way and leaves the next one to whoever comes later.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "media/base/Units.hpp"

namespace sotto::forward {

class KeyFrameRequests {
 public:
  /// Time for a request to reach the publisher and its key frame to come back, with repairs, before it is
  /// asked again.
  static constexpr base::TimeDelta repeatInterval = base::TimeDelta::millis(500);
  /// An encoder has made a key frame, and paced it out, by so long after it was asked. When not even its
  /// first packet has come then and one and a half round trips, the request was lost.
  static constexpr base::TimeDelta encodingTime = base::TimeDelta::millis(100);
  /// However many layers are wanted and recipients join: at most this many requests go to the publisher ...
  static constexpr size_t burst = 2;
  /// ... within this time.
  static constexpr base::TimeDelta burstWindow = base::TimeDelta::seconds(1);
  /// Nobody has asked again for this long: whoever wanted the key frame is gone.
  static constexpr base::TimeDelta forgetAfter = base::TimeDelta::millis(1'200);
  /// A wish that joined another layer's request becomes one of its own when no key frame has come by then.
  static constexpr base::TimeDelta joinedFor = base::TimeDelta::millis(250);
  static constexpr size_t maxStreams = 12;
  /// A wish for knowledge alone leaves the last request of the window to whoever sees nothing, for so long.
  static constexpr base::TimeDelta maxDeferral = base::TimeDelta::seconds(3);

  enum class Need : uint8_t {
    Picture,    ///< somebody waits for the picture
    Knowledge,  ///< the size of a layer that nobody waits for
  };

  KeyFrameRequests() { sent_.fill(base::Timestamp::minusInfinity()); }

  /// A recipient cannot go on without a key frame of the publisher's stream `ssrc`. To be repeated by whoever
  /// still waits (a wish not repeated for `forgetAfter` lapses).
  void want(uint32_t ssrc, base::Timestamp now, Need need = Need::Picture);
  /// The first packet of a key frame of the stream has come in.
  void onKeyFrameBegun(uint32_t ssrc, base::Timestamp now);
  /// A complete key frame of the stream has come in.
  void onKeyFrame(uint32_t ssrc);
  /// To the publisher.
  void setRoundTrip(base::TimeDelta roundTrip) { roundTrip_ = roundTrip; }
  /// The next stream to ask for a key frame now, or 0. Call until it says 0.
  uint32_t next(base::Timestamp now);
  /// When next() may have something to say.
  base::Timestamp nextDeadline() const;

 private:
  struct Wish {
    uint32_t ssrc = 0;
    bool pending = false;
    Need need = Need::Knowledge;
    base::Timestamp since = base::Timestamp::minusInfinity();
    base::Timestamp repeated = base::Timestamp::minusInfinity();
    base::Timestamp sent = base::Timestamp::minusInfinity();
    base::Timestamp begun = base::Timestamp::minusInfinity();
    bool asked() const { return pending && sent >= since; }
  };
  base::Timestamp dueAt(const Wish& wish) const;

  std::array<Wish, maxStreams> wishes_{};
  std::array<base::Timestamp, burst> sent_;  ///< oldest first
  size_t count_ = 0;
  std::optional<base::TimeDelta> roundTrip_;
  bool together_ = false;  ///< the publisher makes key frames of all layers at once
};

}  // namespace sotto::forward
