// One received media stream and its retransmissions: sequence numbers, loss, RTX (RFC 4588), NACK, reports,
// and the assembly of frames. Without I/O: packets and the time go in, frames and requests come out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "media/base/PacketPool.hpp"
#include "media/base/Sequence.hpp"
#include "media/base/Units.hpp"
#include "media/frame/FrameAssembler.hpp"
#include "media/rtp/RtcpReport.hpp"
#include "media/rtp/RtpPacket.hpp"
#include "media/stream/NackGenerator.hpp"
#include "media/stream/ReceiverStatistics.hpp"
#include "media/stream/SenderClock.hpp"

namespace sotto::stream {

struct ReceiveStreamOptions {
  uint32_t ssrc = 0;
  uint32_t rtxSsrc = 0;  ///< 0: none or not known yet
  uint8_t payloadType =
      0;  ///< packets of another type (comfort noise, DTMF) count as received and are dropped
  uint8_t rtxPayloadType = 0;
  uint32_t clockRate = 90'000;
  frame::CodecType codec = frame::CodecType::Vp8;
  frame::TrailerPolicy trailer = frame::TrailerPolicy::Required;
  uint8_t audioLevelExtension = 0;  ///< header extension id, 0: none
  bool nack = true;                 ///< ask for lost packets
  size_t maxFrameSize = frame::FramePool::largestClass;
};

struct ReceiveStreamStatistics {
  uint64_t packets = 0;           ///< on the media SSRC
  uint64_t payloadBytes = 0;      ///< on the media SSRC
  uint64_t rtxPackets = 0;        ///< on the RTX SSRC, padding included
  uint64_t recoveredPackets = 0;  ///< of these: were missing
  uint64_t duplicatePackets = 0;
  uint64_t rejectedPackets = 0;  ///< foreign payload type, malformed RTX or descriptor
};

class ReceiveStream {
 public:
  /// `pool` must outlive the stream.
  ReceiveStream(const ReceiveStreamOptions& options, frame::FramePool& pool);

  uint32_t ssrc() const { return options_.ssrc; }
  uint32_t rtxSsrc() const { return options_.rtxSsrc; }
  const ReceiveStreamOptions& options() const { return options_; }
  void setRtxSsrc(uint32_t ssrc) { options_.rtxSsrc = ssrc; }
  /// Round trip time to the sender: paces NACKs and bounds the wait for retransmissions.
  void setRtt(base::TimeDelta rtt);

  /// A decrypted packet whose SSRC is ssrc() or rtxSsrc(); `view` is of `packet`'s bytes. False when it
  /// brought nothing new (duplicate, padding, late, malformed: counted).
  bool onPacket(const base::PacketRef& packet, const rtp::RtpPacketView& view, base::Timestamp now);
  void onSenderReport(const rtp::SenderReport& report, base::Timestamp now);

  /// The next frame in decode order; call until it returns nothing.
  std::optional<frame::AssembledFrame> nextFrame(base::Timestamp now) { return assembler_.next(now); }
  /// Sequence numbers to put into a NACK now; valid until the next call. Empty when nothing is due.
  std::span<const uint16_t> collectNacks(base::Timestamp now);
  /// When nextFrame() or collectNacks() should be called again though no packet came.
  base::Timestamp nextDeadline() const;
  /// See FrameAssembler::needKeyFrame().
  bool needKeyFrame() const { return assembler_.needKeyFrame(); }
  /// See FrameAssembler::newestKeyStart().
  int64_t newestKeyStart() const { return assembler_.newestKeyStart(); }

  /// For the next receiver report; closes the interval. Nullopt before the first packet.
  std::optional<rtp::ReportBlock> reportBlock(base::Timestamp now) {
    return statistics_.report(options_.ssrc, now);
  }
  const SenderClock& clock() const { return clock_; }
  const ReceiverStatistics& receiverStatistics() const { return statistics_; }
  const ReceiveStreamStatistics& statistics() const { return counters_; }
  const frame::AssemblerStatistics& assemblerStatistics() const { return assembler_.statistics(); }
  uint64_t nacksRequested() const { return nacks_.requested(); }

 private:
  static constexpr size_t windowSize = 2'048;  ///< sequence numbers remembered to tell duplicates
  bool onMedia(frame::MediaPacket& media, const rtp::RtpPacketView& view, base::Timestamp now);
  bool onRtx(frame::MediaPacket& media, const rtp::RtpPacketView& view, base::Timestamp now);
  bool markReceived(int64_t sequence);
  bool insert(frame::MediaPacket& packet, base::Timestamp now);

  ReceiveStreamOptions options_;
  frame::FrameAssembler assembler_;
  NackGenerator nacks_;
  ReceiverStatistics statistics_;
  SenderClock clock_;
  base::SequenceUnwrapper sequences_;
  std::vector<int64_t> window_;
  ReceiveStreamStatistics counters_;
};

}  // namespace sotto::stream
