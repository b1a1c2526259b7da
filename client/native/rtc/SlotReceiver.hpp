// One slot: the RTP stream whose SSRC never changes, whatever source and codec plays in it. Asks for lost
// packets and key frames, and hands on whole frames in decoding order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "client/native/rtc/Negotiation.hpp"
#include "client/native/rtc/PeerConnection.hpp"
#include "media/base/Sequence.hpp"
#include "media/frame/FramePool.hpp"
#include "media/stream/ReceiveStream.hpp"

namespace sotto::client::rtc {

class SlotReceiver {
 public:
  /// A key frame that is missing is asked for at once when the picture broke, and this long after the first
  /// packet when none has come yet: the server has asked the publisher itself, and its packets may just need
  /// to be sent again.
  static constexpr auto firstKeyFramePatience = base::TimeDelta::millis(200);
  /// Between two requests. Requests get lost, and the server limits what it passes on to the publisher: soon
  /// again costs nothing, and every tenth of a second counts while the picture stands.
  static constexpr auto keyFrameInterval = base::TimeDelta::millis(100);

  /// `pool` must outlive the receiver.
  SlotReceiver(std::string mid, control::MediaKind kind, frame::TrailerPolicy trailer,
               frame::FramePool& pool);

  const std::string& mid() const { return mid_; }
  control::MediaKind kind() const { return kind_; }
  MediaLine line() const;
  void negotiated(const AnsweredLine& line);

  uint32_t ssrc() const { return ssrc_; }
  bool takes(uint32_t ssrc) const { return ssrc != 0 && (ssrc == ssrc_ || ssrc == rtxSsrc_); }
  void onPacket(const base::PacketRef& packet, const rtp::RtpPacketView& view, base::Timestamp now);
  void onSenderReport(const rtp::SenderReport& report, base::Timestamp now);
  void setRoundTrip(base::TimeDelta roundTrip);

  /// Hands on every frame that is ready.
  void deliver(base::Timestamp now, const std::function<void(const ReceivedFrame&)>& handOn);
  /// Sequence numbers to ask for again; valid until the next call.
  std::span<const uint16_t> collectNacks(base::Timestamp now);
  /// The frames that came cannot be used before a key frame, for a reason that is not seen here.
  void wantKeyFrame() { keyFrameWanted_ = true; }
  /// True when a key frame is to be asked for now; counts as asked.
  bool collectKeyFrameRequest(base::Timestamp now);
  std::optional<rtp::ReportBlock> reportBlock(base::Timestamp now);
  base::Timestamp nextDeadline() const;
  SlotStatistics statistics() const;

 private:
  std::optional<frame::CodecType> codecOf(uint8_t payloadType, bool rtx) const;
  void select(frame::CodecType codec);

  std::string mid_;
  control::MediaKind kind_;
  frame::TrailerPolicy trailer_;
  frame::FramePool& pool_;
  uint32_t ssrc_ = 0, rtxSsrc_ = 0;
  uint8_t audioLevelExtension_ = 0;
  base::TimeDelta roundTrip_ = base::TimeDelta::millis(100);
  std::optional<stream::ReceiveStream> stream_;  ///< of the codec that plays now
  base::SequenceUnwrapper sequences_;
  base::TimestampUnwrapper timestamps_;
  base::Timestamp keyFrameDue_ = base::Timestamp::plusInfinity();
  bool keyFrameWanted_ = false;
  uint64_t keyFrameRequests_ = 0, frames_ = 0, framesOfCodec_ = 0;
  SlotStatistics earlier_;  ///< sums of the streams of codecs that played before
};

}  // namespace sotto::client::rtc
