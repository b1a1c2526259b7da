// One outgoing media stream and its retransmissions: contiguous sequence numbers, a history of frames by
// reference from which a lost packet is cut again, RTX (RFC 4588), counts for sender reports.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/base/Units.hpp"
#include "media/frame/Frame.hpp"
#include "media/frame/Packetizer.hpp"
#include "media/rtp/RtcpReport.hpp"
#include "media/rtp/RtpPacket.hpp"
#include "media/stream/PacketSink.hpp"

namespace sotto::stream {

/// Header extensions to write; an id of 0 leaves one out.
struct SendExtensions {
  uint8_t midId = 0;
  std::string mid;  ///< written until the first receiver report, and on all packets of a frame or on none
  uint8_t ridId = 0;
  std::string rid;            ///< publishing clients only; until the first receiver report
  uint8_t repairedRidId = 0;  ///< carries `rid` on RTX packets
  uint8_t audioLevelId = 0;   ///< RFC 6464, from the frame
  uint8_t transportCcId = 0;  ///< numbers from PacketSink::nextTransportSequence()
};

struct SendStreamOptions {
  uint32_t ssrc = 0;
  uint32_t rtxSsrc = 0;  ///< 0: nothing is retransmitted (sealing one SRTP index twice is never safe)
  uint8_t payloadType = 0;
  uint8_t rtxPayloadType = 0;
  uint32_t clockRate = 90'000;
  SendExtensions extensions;
  uint16_t firstSequence = 0;     ///< should be random below 32,768 (RFC 3550 section 5.1)
  uint16_t firstRtxSequence = 0;  ///< likewise
  /// Bytes of one packet from RTP header to end of payload, SRTP tag not included.
  size_t maxPacketSize = 1'180;
  /// Bound on retransmissions.
  base::DataRate maxRetransmissionRate = base::DataRate::kilobitsPerSecond(4'000);
};

/// What a recipient sees instead of the publisher's values.
struct FrameRewrite {
  uint32_t rtpTimestamp = 0;
  frame::DescriptorRewrite descriptor;
};

struct SendStreamStatistics {
  uint64_t frames = 0;
  uint64_t packets = 0;  ///< on the media SSRC
  uint64_t bytes = 0;    ///< on the media SSRC, RTP headers included
  uint64_t payloadBytes = 0;
  uint64_t retransmittedPackets = 0;
  uint64_t retransmittedBytes = 0;
  uint64_t nacksUnknown = 0;     ///< asked for what is not, or no longer, in the history
  uint64_t nacksSuppressed = 0;  ///< too soon after the last copy, or over the rate
};

class SendStream {
 public:
  /// History bounds, whichever is reached first: a second of 60 fps video in three spatial layers, and of 20
  /// Mb/s.
  static constexpr size_t historyFrames = 256;
  static constexpr size_t historyPackets = 2'048;  ///< power of two
  static constexpr base::TimeDelta historyAge = base::TimeDelta::seconds(1);

  explicit SendStream(const SendStreamOptions& options);

  uint32_t ssrc() const { return options_.ssrc; }
  uint32_t rtxSsrc() const { return options_.rtxSsrc; }
  const SendStreamOptions& options() const { return options_; }
  void setMaxPacketSize(size_t bytes) { options_.maxPacketSize = bytes; }
  void setMaxRetransmissionRate(base::DataRate rate) { options_.maxRetransmissionRate = rate; }
  /// The codec of the frames to come changed (a slot that plays another source); the history stays.
  void setPayloadTypes(uint8_t payloadType, uint8_t rtxPayloadType);

  /// Cuts and sends one frame. Returns the number of packets.
  size_t sendFrame(const frame::FrameRef& frame, const FrameRewrite& rewrite, base::Timestamp now,
                   PacketSink& sink);
  /// How many bytes (RTP headers included) sendFrame() would put on the wire.
  size_t wireSize(const frame::Frame& frame, const frame::DescriptorRewrite& rewrite) const;
  /// The peer misses packet `sequence`: sends it again on the RTX stream when it is in the history, its last
  /// copy is older than `minAge`, and the rate allows. True when it was sent.
  bool onNack(uint16_t sequence, base::Timestamp now, base::TimeDelta minAge, PacketSink& sink);
  /// The age to give to onNack(), by our estimate of the round trip. Receivers repeat a request after a round
  /// trip by their own estimate; were ours the longer one, we would ignore every second request.
  static constexpr base::TimeDelta minCopyAge(base::TimeDelta rtt) { return rtt / 2; }
  /// A receiver report about this stream came: from now on MID and RID are left out.
  void onReceiverReport() { reported_ = true; }

  /// A sender report for this stream: `ntp` is our wall clock now. Nullopt before the first frame.
  std::optional<rtp::SenderReport> senderReport(rtp::NtpTime ntp, base::Timestamp now) const;
  /// The timestamp of the frame sent last; nullopt before the first.
  std::optional<uint32_t> lastTimestamp() const { return lastTimestamp_; }
  uint16_t nextSequence() const { return static_cast<uint16_t>(nextSequence_); }
  const SendStreamStatistics& statistics() const { return statistics_; }

 private:
  struct Record {
    frame::FrameRef frame;
    FrameRewrite rewrite;
    int64_t firstSequence = 0;
    uint32_t packets = 0;
    uint16_t payloadBudget = 0;
    uint8_t payloadType = 0;
    uint8_t rtxPayloadType = 0;
    base::Timestamp sent;
  };
  /// When a packet was retransmitted last.
  struct LastCopy {
    int64_t sequence = -1;
    base::Timestamp at;
  };

  void expire(base::Timestamp now);
  void dropOldest();
  const Record* find(int64_t sequence) const;
  size_t writeHeader(const rtp::RtpHeader& header, const frame::Frame& frame, bool rtx,
                     uint16_t transportSequence, base::MutableByteView out) const;
  size_t headerSize(const frame::Frame& frame) const;
  size_t payloadBudget(const frame::Frame& frame) const;
  bool allowRetransmission(size_t bytes, base::Timestamp now);
  void retransmit(const Record& record, int64_t sequence, PacketSink& sink);

  SendStreamOptions options_;
  std::vector<Record> records_;  ///< ring
  size_t oldestRecord_ = 0;
  size_t recordCount_ = 0;
  std::vector<LastCopy> copies_;  ///< ring by sequence number
  int64_t nextSequence_ = 0;
  int64_t nextRtxSequence_ = 0;
  bool reported_ = false;
  std::optional<uint32_t> lastTimestamp_;
  base::Timestamp lastSent_;
  double retransmissionBudget_ = 0;  ///< bytes
  base::Timestamp budgetAt_ = base::Timestamp::minusInfinity();
  SendStreamStatistics statistics_;
};

}  // namespace sotto::stream
