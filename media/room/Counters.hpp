// The counters of one worker's media plane. A fixed table, so that counting on the media path costs one
// addition; names are the metric names of control::Counter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/control/Messages.hpp"

namespace sotto::room {

enum class Count : uint8_t {
  PacketsReceived,
  BytesReceived,
  PacketsSent,
  BytesSent,
  RtpPacketsReceived,
  FramesReceived,
  FramesForwarded,
  DroppedNoTrailer,
  DroppedBadTrailer,
  DroppedForeignSender,
  DroppedMuted,
  DroppedPaused,
  DroppedLayer,
  DroppedAwaitingKeyFrame,
  DroppedTemporalLayer,
  DroppedNotSpeaking,
  DroppedNoCodec,
  DroppedNoPlace,
  RejectedUnknownSource,
  RejectedMalformed,
  RejectedStun,
  RejectedStunCredentials,
  RejectedStunRoleConflict,
  RejectedStunUnknownAttribute,
  RejectedTooLarge,
  RejectedDtls,
  RejectedBeforeKeys,
  RejectedSrtpAuthentication,
  RejectedSrtpReplayed,
  RejectedSrtpMalformed,
  RejectedUnboundStream,
  RejectedMalformedRtcp,
  RejectedSendArenaFull,
  KeyFrameRequestsSent,
  KeyFrameRequestsReceived,
  NacksSent,
  NacksReceived,
  Retransmissions,
  RecoveredPackets,
  FeedbackSent,
  LayerSwitches,
  UndecodableFrames,
  HandshakesCompleted,
  HandshakesFailed,
  ConsentsLost,
  DataMessagesReceived,
  DataBytesReceived,
  DataMessagesForwarded,
  DataBytesForwarded,
  DataDroppedNoChannel,
  DataDroppedFull,
  DataRefusedMalformed,
  DataRefusedTooLarge,
  DataRefusedDestination,
  DataSendersPaused,
  DataChannelsReset,
  DataAssociationsLost,
  Size,
};

class Counters {
 public:
  void add(Count count, uint64_t amount = 1) { values_[static_cast<size_t>(count)] += amount; }
  uint64_t value(Count count) const { return values_[static_cast<size_t>(count)]; }
  /// All counters, with their metric names.
  void appendTo(std::vector<control::Counter>& out) const;

 private:
  std::array<uint64_t, static_cast<size_t>(Count::Size)> values_{};
};

}  // namespace sotto::room
