// The sending half of an endpoint: its slots, what plays in them, which layers fit its rate, and its reports
// and repair requests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/base/Random.hpp"
#include "media/base/Units.hpp"
#include "media/congestion/RateMeter.hpp"
#include "media/control/Messages.hpp"
#include "media/forward/Allocator.hpp"
#include "media/forward/SlotAssignment.hpp"
#include "media/forward/Subscription.hpp"
#include "media/room/Counters.hpp"
#include "media/room/PublishedTrack.hpp"
#include "media/room/RtcpSink.hpp"
#include "media/rtp/RtcpNack.hpp"

namespace sotto::room {

/// What a recipient asks of its room.
class TrackDirectory {
 public:
  virtual ~TrackDirectory() = default;
  virtual PublishedTrack* findTrack(std::string_view participant, control::TrackSource source) = 0;
  virtual PublishedTrack* findTrack(forward::SourceId id) = 0;
  /// Unmuted cameras, of whoever spoke last first, without `self`'s own. Valid until the next call.
  virtual std::span<const forward::SourceId> videoCandidates(forward::ParticipantId self) = 0;
};

class Recipient {
 public:
  static constexpr base::TimeDelta reportInterval = base::TimeDelta::seconds(1);
  /// After the first frame of a stream, so that players can tie it to its clock at once.
  static constexpr base::TimeDelta firstReport = base::TimeDelta::millis(200);
  static constexpr base::TimeDelta defaultRtt = base::TimeDelta::millis(100);
  /// A layer's measured rate is told again when it has moved by this share ...
  static constexpr double rateChangeTold = 0.3;
  /// ... and so much time has passed.
  static constexpr base::TimeDelta rateTellInterval = base::TimeDelta::seconds(2);

  Recipient(forward::ParticipantId self, base::Random& random, Counters& counters,
            stream::PacketSink& packets, RtcpSink& rtcp);

  /// Slots of a mid that stays, with the same kind and SSRC, keep what plays in them.
  void setSlots(const std::vector<control::Slot>& slots);
  /// Empty, or a sentence that says which wish names no video slot.
  std::string setWishes(const std::vector<control::SlotWish>& wishes);
  void setRateCap(std::optional<uint64_t> bitsPerSecond);
  /// Until then nothing is sent, nor asked of publishers.
  void setReady(bool ready);
  bool ready() const { return ready_; }
  forward::ParticipantId self() const { return self_; }

  /// See forward::AudioSlots::assign().
  void assignAudio(std::span<const forward::SourceId> wanted, std::span<const forward::SourceId> urgent,
                   size_t limit, TrackDirectory& tracks);
  void assignVideo(TrackDirectory& tracks, base::Timestamp now);
  void onTrackGone(const PublishedTrack& track);
  /// Appends what plays where, of the slots where that changed since the last call.
  void takeBindingChanges(std::vector<control::SlotBinding>& out);
  /// Adds this recipient's video slots to the watchers of their tracks.
  void addWatchers();

  void sendAudio(const PublishedTrack& track, const frame::FrameRef& frame,
                 std::optional<rtp::NtpTime> captured, base::Timestamp now);
  /// True when with this frame a slot went over to another source.
  bool sendVideo(forward::Subscription& subscription, PublishedTrack& track,
                 const forward::ArrivedFrame& arrived, base::Timestamp now);

  /// Chooses a layer for each video slot within the rate.
  void allocate(base::Timestamp now);
  /// Asks for the key frames that switches and breaks wait for.
  void wantKeyFrames(base::Timestamp now);
  /// Appends the layers of the slots where they changed since the last call.
  void takeLayerChanges(std::vector<control::LayersChanged::Layer>& out, base::Timestamp now);
  /// Ends handovers that take too long. True when what plays changed.
  bool endHandovers(base::Timestamp now);

  void onReportBlock(const rtp::ReportBlock& block, base::Timestamp now);
  void onNack(const rtp::NackView& nack, base::Timestamp now);
  void onKeyFrameRequest(uint32_t ssrc, base::Timestamp now);
  std::optional<base::TimeDelta> rtt() const { return rtt_; }
  /// Until a report tells.
  void assumeRtt(base::TimeDelta rtt) {
    if (!rtt_) rtt_ = rtt;
  }

  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const { return nextReport_; }

 private:
  struct AudioSlot {
    control::Slot config;
    std::unique_ptr<forward::SlotSender> sender;
    const PublishedTrack* track = nullptr;
    forward::SourceId lastSent = forward::noSource;
    control::SlotBinding told;
  };
  struct VideoSlot {
    control::Slot config;
    control::SlotWish wish;
    std::unique_ptr<forward::Subscription> subscription;
    PublishedTrack* bound = nullptr;
    PublishedTrack* before = nullptr;  ///< plays until the bound one has its key frame
    forward::SlotGrant grant;
    control::SlotBinding told;
    control::LayersChanged::Layer toldLayer;
    base::Timestamp toldLayerAt = base::Timestamp::minusInfinity();

    PublishedTrack* playing() const;
  };

  AudioSlot makeAudioSlot(const control::Slot& slot);
  VideoSlot makeVideoSlot(const control::Slot& slot);
  forward::SlotSender* senderOf(uint32_t ssrc);
  int currentOption(const VideoSlot& slot, std::span<const forward::LayerOption> options) const;
  /// The whole rate of the layers that are being sent.
  base::DataRate flowing(base::Timestamp now) const;
  base::DataRate videoBudget(base::Timestamp now) const;
  control::LayersChanged::Layer describe(const VideoSlot& slot, base::Timestamp now) const;
  void sendReports(base::Timestamp now);

  forward::ParticipantId self_;
  base::Random& random_;
  Counters& counters_;
  stream::PacketSink& packets_;
  RtcpSink& rtcp_;
  std::vector<AudioSlot> audio_;
  std::vector<VideoSlot> video_;
  forward::AudioSlots audioSlots_{0};
  forward::VideoSlots videoSlots_;
  std::vector<forward::SlotDemand> demands_;
  std::vector<forward::SlotGrant> grants_;
  congestion::RateMeter audioRate_;
  std::optional<base::DataRate> rateCap_;
  bool ready_ = false;
  std::optional<base::TimeDelta> rtt_;
  base::Timestamp nextReport_ = base::Timestamp::plusInfinity();
};

}  // namespace sotto::room
