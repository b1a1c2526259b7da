// What must hold of every run, whatever its seed: looked for at each recipient, frame by frame, and on the
// wire from the server, packet by packet.
//
// A switch may send the new layer from a key frame on that shows an earlier moment than what went out before,
// when that key frame came late. What a viewer sees must not go back for that: players show pictures by their
// timestamps, so all but the last of those that catch up carry timestamps within a blink of the next one's
// (what is seen by them must never go back), and leave the server within a blink, too, so that no player has
// shown them by the time the last one is there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "media/base/Sequence.hpp"
#include "tests/sim/SyntheticVideo.hpp"

namespace sotto::sim {

/// A player shows one picture at each refresh of the screen, 17 ms apart: of those due within this time only
/// the last is seen.
constexpr auto blink = base::TimeDelta::millis(5);

/// Collects what went wrong, as sentences; keeps the first few.
class Violations {
 public:
  void add(std::string what) {
    ++count_;
    if (texts_.size() < 10) texts_.push_back(std::move(what));
  }
  bool empty() const { return count_ == 0; }
  /// For a failure message.
  std::string describe() const;

 private:
  std::vector<std::string> texts_;
  uint64_t count_ = 0;
};

/// The server's RTP towards one client, before the network touches it: headers are in clear in SRTP.
class WireOracle {
 public:
  WireOracle(std::string label, Violations& violations) : label_(std::move(label)), violations_(violations) {}

  /// One datagram on its way to the client. Sequence numbers must be contiguous for each SSRC, timestamps
  /// must never go back on a media SSRC.
  void onDatagram(base::ByteView datagram, base::Timestamp now);
  uint64_t packets() const { return packets_; }
  /// When the first packet with this timestamp left; timestamps begin at random, so that streams do not meet.
  base::Timestamp sentAt(uint32_t timestamp) const { return sentAt_.at(timestamp); }
  /// Another picture was sent between the two.
  bool anyBetween(uint32_t timestamp, uint32_t later) const;

 private:
  struct Stream {
    uint16_t sequence = 0;
    uint32_t timestamp = 0;
  };
  std::string label_;
  Violations& violations_;
  std::map<uint32_t, Stream> streams_;
  std::map<uint32_t, base::Timestamp> sentAt_;  ///< by timestamp
  uint64_t packets_ = 0;
};

/// One remote stream as a decoder would see it.
class StreamOracle {
 public:
  StreamOracle(std::string label, Violations& violations)
      : label_(std::move(label)), violations_(violations) {}

  /// A frame was opened: it must be byte for byte what `author` made, decodable after the ones before it, and
  /// later than they were. `wire`: what the server sent to this recipient.
  void onFrame(const client::call::RemoteFrame& frame, uint32_t author, const WireOracle& wire);
  /// The layers of one picture are captured up to this far apart.
  void allowSkew(base::TimeDelta skew) { skew_ = skew; }
  /// The stream may pause from here without that being a freeze (unsubscribed, muted, gone).
  void interrupt() { continuous_ = false; }
  /// The media connection was replaced: a decoder starts anew, but the picture has been missing meanwhile.
  void restart();
  /// Forgets gaps so far, for instance those of a warm-up.
  void resetGap() { longestGap_ = base::TimeDelta::zero(); }
  /// Longest time without a decodable frame, up to `now` when the stream is still going.
  base::TimeDelta longestGap(base::Timestamp now) const;

  uint64_t frames() const { return frames_; }
  uint64_t keyFrames() const { return keyFrames_; }
  std::optional<base::Timestamp> firstFrame() const { return first_; }
  /// Layer and height of the frame seen last.
  uint8_t layer() const { return layer_; }
  uint16_t height() const { return height_; }
  /// Frames that went back in time to catch up, and were not seen.
  uint64_t framesCatchingUp() const { return framesCatchingUp_; }
  uint64_t layerSwitches() const { return layerSwitches_; }

 private:
  void checkDecodable(const SyntheticFrame& frame);
  void checkTimestamps(const client::call::RemoteFrame& received, const SyntheticFrame& frame,
                       const WireOracle& wire);
  void checkSeen(const client::call::RemoteFrame& received, const WireOracle& wire);
  void checkProgress(uint32_t clockRate);

  std::string label_;
  Violations& violations_;
  std::set<uint32_t> decoded_;  ///< numbers of this layer since its key frame
  bool anyDecoded_ = false;
  uint8_t layer_ = 0;
  uint16_t height_ = 0;
  uint64_t frames_ = 0, keyFrames_ = 0, layerSwitches_ = 0, framesCatchingUp_ = 0;
  bool continuous_ = false;
  std::optional<base::Timestamp> first_;
  base::Timestamp last_;
  base::TimeDelta longestGap_;
  std::string slot_;
  bool anchored_ = false;  ///< the anchor stands, from which times are compared
  int64_t anchorRtpTimestamp_ = 0, lastRtpTimestamp_ = 0;
  base::Timestamp anchorCaptured_, firstCaptured_, lastCaptured_, newestCaptured_, newestSeen_;
  base::TimeDelta skew_;
};

}  // namespace sotto::sim
