// The receiving half of an endpoint: what one participant publishes. Binds packets to streams, makes frames
// of them, lets through only what may be forwarded, and answers with reports, NACKs, key frame requests and
// transport-wide feedback.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "media/base/PacketPool.hpp"
#include "media/base/Units.hpp"
#include "media/congestion/FeedbackGenerator.hpp"
#include "media/control/Messages.hpp"
#include "media/frame/FramePool.hpp"
#include "media/room/Counters.hpp"
#include "media/room/PublishedTrack.hpp"
#include "media/room/RtcpSink.hpp"
#include "media/room/StreamBinder.hpp"
#include "media/stream/ReceiveStream.hpp"

namespace sotto::room {

/// What a publisher tells its room.
class PublisherListener {
 public:
  virtual ~PublisherListener() = default;
  virtual forward::SourceId newSourceId() = 0;
  virtual void onTrackAdded(PublishedTrack& track, base::Timestamp now) = 0;
  /// The track is destroyed after this.
  virtual void onTrackGone(PublishedTrack& track, base::Timestamp now) = 0;
  /// A whole frame that passed every check.
  virtual void onFrame(PublishedTrack& track, const frame::FrameRef& frame,
                       std::optional<rtp::NtpTime> captured, base::Timestamp now) = 0;
};

class Publisher {
 public:
  /// Streams kept at most: three tracks of three layers, and room for a sender that restarts its encoders.
  static constexpr size_t maxStreams = 32;
  /// Made at most within a second: each costs more than the packet that asks for it.
  static constexpr int maxNewStreams = 20;
  static constexpr base::TimeDelta reportInterval = base::TimeDelta::seconds(1);
  /// After the first packet of a stream: the sender writes MID and RID until it is reported on.
  static constexpr base::TimeDelta firstReport = base::TimeDelta::millis(100);
  /// A sender that flips between codecs is followed no faster.
  static constexpr base::TimeDelta codecChangeInterval = base::TimeDelta::seconds(1);

  struct Identity {
    forward::ParticipantId participant = 0;
    std::string name;     ///< its id as the server knows it
    uint16_t sender = 0;  ///< what its key ids must carry
    control::E2eePolicy e2ee = control::E2eePolicy::Required;
    uint32_t rtcpSsrc = 1;  ///< of our own reports and feedback to it
  };

  Publisher(const Identity& identity, frame::FramePool& frames, Counters& counters, RtcpSink& rtcp,
            PublisherListener& listener);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  /// Tracks of a mid that stays, with the same kind and source, keep their streams.
  void setTracks(const std::vector<control::Track>& tracks, base::Timestamp now);
  const std::vector<std::unique_ptr<PublishedTrack>>& tracks() const { return tracks_; }
  PublishedTrack* trackOf(std::string_view mid);
  PublishedTrack* trackOf(control::TrackSource source);

  /// A decrypted RTP packet.
  void onRtp(const base::PacketRef& packet, base::Timestamp now);
  void onSenderReport(const rtp::SenderReport& report, base::Timestamp now);
  void setRtt(base::TimeDelta rtt);
  /// Asks for key frames where frames that somebody watches cannot be decoded.
  void repair(base::Timestamp now);

  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

 private:
  struct Incoming {
    std::unique_ptr<stream::ReceiveStream> stream;
    PublishedTrack* track = nullptr;
    std::string rid;
    base::Timestamp lastPacket;
    base::Timestamp codecSince;
    int64_t keyStart = -1;  ///< see stream::ReceiveStream::newestKeyStart()
    uint64_t countedUndecodable = 0;
    uint64_t countedRecovered = 0;
  };
  struct Route {
    Incoming* incoming = nullptr;
    bool rtx = false;
  };
  /// RTX that came before the media it repairs.
  struct PendingRtx {
    uint32_t ssrc = 0;
    PublishedTrack* track = nullptr;
    std::string rid;
  };

  Route* route(const rtp::RtpPacketView& packet, base::Timestamp now);
  Route* bindMedia(const StreamBinder::Binding& binding, uint32_t ssrc, base::Timestamp now);
  Route* bindRtx(const StreamBinder::Binding& binding, uint32_t ssrc);
  Route* pairRtx(Incoming& incoming, uint32_t rtxSsrc);
  void learnRid(Incoming& incoming, const rtp::RtpPacketView& packet);
  std::unique_ptr<stream::ReceiveStream> makeStream(const PublishedTrack& track, const control::Codec& codec,
                                                    uint32_t ssrc) const;
  void followCodec(Incoming& incoming, const rtp::RtpPacketView& packet, base::Timestamp now);
  bool mayMakeStream(base::Timestamp now);
  void makeRoom();
  void remove(Incoming& incoming);
  void noteFeedback(const rtp::RtpPacketView& packet, const Route* route, base::Timestamp arrival,
                    base::Timestamp now);
  void noteVideo(Incoming& incoming, base::Timestamp now);
  void drain(Incoming& incoming, base::Timestamp now);
  void repair(Incoming& incoming, base::Timestamp now);
  bool admit(Incoming& incoming, const frame::AssembledFrame& assembled);
  void sendReports(base::Timestamp now);
  void sendNacks(Incoming& incoming, base::Timestamp now);
  void sendFeedback(base::Timestamp now);
  void sendKeyFrameRequests(base::Timestamp now);
  void collectStatistics(Incoming& incoming);

  Identity identity_;
  frame::FramePool& frames_;
  Counters& counters_;
  RtcpSink& rtcp_;
  PublisherListener& listener_;
  std::vector<std::unique_ptr<PublishedTrack>> tracks_;
  StreamBinder binder_;
  std::vector<std::unique_ptr<Incoming>> incoming_;
  std::unordered_map<uint32_t, Route> routes_;
  std::vector<PendingRtx> pendingRtx_;
  base::Timestamp newStreamsSince_ = base::Timestamp::minusInfinity();
  int newStreams_ = 0;
  congestion::FeedbackGenerator feedback_;
  base::Timestamp nextReport_ = base::Timestamp::plusInfinity();
  base::TimeDelta rtt_ = base::TimeDelta::zero();
};

}  // namespace sotto::room
