// One published track: an RTP stream for each layer, the descriptor fields that count its frames, and the
// way from an RTCP request to the layer it means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/native/rtc/Negotiation.hpp"
#include "client/native/rtc/PeerConnection.hpp"
#include "media/base/Random.hpp"
#include "media/frame/FramePool.hpp"
#include "media/stream/SendStream.hpp"

namespace sotto::client::rtc {

class TrackSender {
 public:
  /// Draws SSRCs, first sequence numbers and timestamp offsets. `pool` must outlive the sender.
  TrackSender(std::string mid, TrackSettings settings, base::Random& random, frame::FramePool& pool);

  const std::string& mid() const { return mid_; }
  const TrackSettings& settings() const { return settings_; }
  /// For the offer.
  MediaLine line() const;
  /// The answer to the first offer that had this track makes its streams; later ones change nothing.
  void negotiated(const AnsweredLine& line);
  bool ready() const { return !layers_.empty() && layers_.front().stream.has_value(); }

  /// False when the layer is unknown or nothing has been negotiated.
  bool send(size_t layer, const FrameToSend& frame, base::Timestamp now, stream::PacketSink& sink);
  /// The layer whose media SSRC this is.
  std::optional<size_t> find(uint32_t ssrc) const;
  void onNack(size_t layer, uint16_t sequence, base::TimeDelta roundTrip, base::Timestamp now,
              stream::PacketSink& sink);
  void onReceiverReport(size_t layer, const rtp::ReportBlock& block);
  void onKeyFrameRequest(size_t layer) { ++layers_[layer].keyFrameRequests; }
  /// A repeated FIR has the sequence number of the one before it (RFC 5104 section 4.3.1.2).
  bool isNewFir(size_t layer, uint8_t sequence);

  size_t layerCount() const { return layers_.size(); }
  std::optional<rtp::SenderReport> senderReport(size_t layer, rtp::NtpTime ntp, base::Timestamp now) const;
  LayerStatistics statistics(size_t layer) const;

 private:
  struct Layer {
    std::string rid;
    uint32_t ssrc = 0, rtxSsrc = 0;
    uint16_t firstSequence = 0, firstRtxSequence = 0;
    uint32_t timestampOffset = 0;
    uint16_t pictureId = 0;  ///< 15 bits
    uint8_t tl0PicIdx = 0;
    std::optional<stream::SendStream> stream;
    std::optional<uint8_t> lastFir;
    uint64_t keyFrameRequests = 0;
    double fractionLost = 0;
  };
  static void describe(frame::CodecType codec, Layer& layer, const frame::FrameMetadata& metadata,
                       frame::CodecInfo& info);

  std::string mid_;
  TrackSettings settings_;
  frame::FramePool& pool_;
  std::vector<Layer> layers_;
};

}  // namespace sotto::client::rtc
