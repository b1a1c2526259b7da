// Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01
// section 3.1): which packets of a whole transport arrived, and when.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "media/base/Units.hpp"
#include "media/rtp/RtcpPacket.hpp"

namespace sotto::rtp {

/// A received feedback packet. The whole packet is checked by parse(); forEach() then cannot run past its
/// end.
class TransportFeedbackView {
 public:
  static tl::expected<TransportFeedbackView, ParseError> parse(const RtcpPacketView& packet);

  uint32_t senderSsrc = 0;
  uint32_t mediaSsrc = 0;
  uint16_t baseSequence = 0;
  uint16_t statusCount = 0;
  int32_t referenceTime = 0;  ///< signed 24 bits, units of 64 ms
  uint8_t feedbackCount = 0;

  /// What is said of one packet. `arrival` is on the receiver's own clock, whose origin is unknown: reference
  /// time plus the deltas so far. Absent when the packet was not received; received without a time (the
  /// reserved status 3) is `received` without `arrival`.
  struct Status {
    uint16_t sequence = 0;
    bool received = false;
    std::optional<base::TimeDelta> arrival;
  };
  /// Calls `visit(const Status&)` for each of statusCount packets, in order.
  template <typename Visitor>
  void forEach(Visitor&& visit) const {
    Cursor cursor(*this);
    Status status;
    while (cursor.next(status)) visit(static_cast<const Status&>(status));
  }

 private:
  /// Walks status chunks and deltas side by side.
  class Cursor {
   public:
    explicit Cursor(const TransportFeedbackView& view);
    bool next(Status& status);
    bool ok() const { return ok_; }

   private:
    bool loadChunk();
    base::ByteReader chunks_, deltas_;
    uint16_t sequence_ = 0;
    uint32_t remaining_ = 0;
    uint16_t chunk_ = 0;
    uint32_t chunkLeft_ = 0;
    base::TimeDelta time_;
    bool ok_ = true;
  };
  friend class Cursor;
  base::ByteView chunks_;
  base::ByteView deltas_;
};

/// Collects arrivals and cuts them into feedback packets. Allocates only while warming up.
class TransportFeedbackBuilder {
 public:
  /// Packets of one feedback at most; what does not fit comes in the next packet.
  static constexpr size_t maxStatuses = 1'024;

  /// A packet with (unwrapped) transport-wide `sequence` arrived. Duplicates and packets older than what was
  /// already reported as lost are reported too when they still fit the window, else ignored.
  void onPacket(int64_t sequence, base::Timestamp arrival);
  bool empty() const { return arrivals_.empty(); }
  /// Writes the next feedback packet and forgets what it reports. Returns its size; 0 when there is nothing
  /// to report or `out` is too small (1,200 bytes hold every feedback that the builder makes).
  size_t write(uint32_t senderSsrc, uint32_t mediaSsrc, base::MutableByteView out);

 private:
  struct Arrival {
    int64_t sequence = 0;
    base::Timestamp time;
  };
  /// What one packet will say.
  struct Plan {
    int64_t baseSequence = 0;
    int64_t reference = 0;  ///< units of 64 ms
    size_t statuses = 0;
    size_t taken = 0;  ///< arrivals reported
    std::array<uint8_t, maxStatuses> symbols{};
    std::array<int16_t, maxStatuses> deltas{};
  };
  Plan plan(size_t limit) const;
  std::vector<Arrival> arrivals_;        ///< ascending by sequence, without duplicates
  std::optional<int64_t> nextSequence_;  ///< first sequence that no feedback has covered
  uint8_t feedbackCount_ = 0;
};

}  // namespace sotto::rtp
