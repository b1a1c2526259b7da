// Who speaks, and whose audio is worth forwarding, from the levels of RFC 6464. Hysteresis keeps the choice
// steady; a newcomer who starts to speak gets in with the very packet that is loud, so that no first syllable
// is clipped.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "media/base/Units.hpp"
#include "media/forward/Ids.hpp"

namespace sotto::forward {

class SpeakerRanking {
 public:
  /// Levels up to this are speech (RFC 6464: -dBov). Quiet speech lies near 45, room noise beyond 60.
  static constexpr uint8_t speechLevel = 50;
  /// With the voice activity flag set, a quieter level is believed.
  static constexpr uint8_t voicedSpeechLevel = 60;
  /// Loud packets within a short while that make a speaker: one alone is a click.
  static constexpr int loudPacketsToSpeak = 3;
  static constexpr base::TimeDelta loudPacketGap = base::TimeDelta::millis(100);
  /// Pauses between words are no end of speaking.
  static constexpr base::TimeDelta speakingHold = base::TimeDelta::millis(800);
  /// Shorter interjections do not move video.
  static constexpr base::TimeDelta promoteAfter = base::TimeDelta::millis(300);
  /// A speaker in the set gives way to another only when that one is this much louder, on average.
  static constexpr double marginDb = 8;

  struct Speaker {
    SourceId source = noSource;
    uint8_t level = 127;  ///< smoothed
  };

  /// Chooses at most `capacity` sources (at least 1).
  explicit SpeakerRanking(size_t capacity);

  void add(SourceId source, base::Timestamp now);
  void remove(SourceId source);
  /// A muted source gives up its place and is not chosen until it is unmuted.
  void setMuted(SourceId source, bool muted);

  /// One audio packet of `source`. Allocates nothing.
  void onAudio(SourceId source, uint8_t level, bool voiceActivity, base::Timestamp now);
  /// Ends the speaking of those who have fallen silent.
  void onTime(base::Timestamp now);

  /// Those to forward: while there is room all who are not muted, then the loudest. Stable order.
  std::span<const SourceId> chosen() const { return chosen_; }
  /// Of these, the ones that were loud within the hold time. Valid until the next call.
  std::span<const SourceId> loud(base::Timestamp now);
  /// Grows with each change of chosen(), and when one of them becomes loud after a silence.
  uint64_t chosenRevision() const { return chosenRevision_; }
  /// Those who speak now, loudest first. Valid until the next call.
  std::span<const Speaker> speaking();
  /// Grows when someone begins or ceases to speak.
  uint64_t speakingRevision() const { return speakingRevision_; }
  /// All sources, latest speaker first; those who never spoke follow in the order of joining. Valid until the
  /// next call that changes anything.
  std::span<const SourceId> latest();
  /// Grows when latest() changes.
  uint64_t latestRevision() const { return latestRevision_; }

 private:
  struct Entry {
    SourceId source = noSource;
    bool muted = false;
    bool chosen = false;
    bool speaking = false;
    bool promoted = false;  ///< of the speaking that goes on
    int loudPackets = 0;
    double loudness = 0;  ///< smoothed, 127 - level
    base::Timestamp lastLoud = base::Timestamp::minusInfinity();
    base::Timestamp speakingSince = base::Timestamp::minusInfinity();
    base::Timestamp lastPromoted = base::Timestamp::minusInfinity();
  };

  Entry* find(SourceId source);
  void choose(Entry& entry);
  void dismiss(Entry& entry);
  void fillRoom();
  void challenge(Entry& challenger, base::Timestamp now);

  size_t capacity_;
  std::vector<Entry> entries_;  ///< in the order of joining
  std::vector<SourceId> chosen_;
  std::vector<SourceId> loud_;
  std::vector<Speaker> speaking_;
  std::vector<SourceId> latest_;
  std::vector<const Entry*> order_;
  uint64_t chosenRevision_ = 0;
  uint64_t speakingRevision_ = 0;
  uint64_t latestRevision_ = 0;
};

}  // namespace sotto::forward
