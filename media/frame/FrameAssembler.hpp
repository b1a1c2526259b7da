// Puts the packets of one received stream together into whole frames, in decode order, and decides which of
// them can be decoded. Payload formats: VP8 RFC 7741, VP9 RFC 9628, Opus RFC 7587.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "media/base/PacketPool.hpp"
#include "media/base/Units.hpp"
#include "media/frame/Frame.hpp"
#include "media/frame/FramePool.hpp"
#include "media/frame/ReferenceTracker.hpp"

namespace sotto::frame {

/// Whether frames carry a trailer (docs/frame-format.md). Required: one without a valid trailer is an
/// error. Optional: taken as sealed when a trailer parses. None: never looked for.
enum class TrailerPolicy : uint8_t { Required, Optional, None };

/// One RTP packet, its RTX header (if it had one) already taken off.
struct MediaPacket {
  base::PacketRef buffer;  ///< keeps `payload` alive
  base::ByteView payload;  ///< from payload descriptor to padding; empty: a padding packet, no frame's part
  int64_t sequence = 0;    ///< unwrapped
  uint32_t timestamp = 0;
  bool marker = false;
  uint8_t audioLevel = 127;  ///< RFC 6464
  bool voiceActivity = false;
};

struct AssemblerOptions {
  uint32_t ssrc = 0;  ///< copied into frames
  CodecType codec = CodecType::Opus;
  TrailerPolicy trailer = TrailerPolicy::Required;
  /// How long a gap is held for packets that were merely reordered. After it, what is missing is given up
  /// when nothing else needs it.
  base::TimeDelta reorderWait = base::TimeDelta::millis(10);
  /// How long a gap is held for a retransmission when later frames may refer to what is missing.
  base::TimeDelta referenceWait = base::TimeDelta::millis(300);
  /// A gap that has been waited for so long makes needKeyFrame() true while the wait goes on: the key frame
  /// then comes about when the wait ends in vain, and not a round trip later.
  base::TimeDelta keyFrameWait = base::TimeDelta::millis(200);
  /// Larger frames are dropped and counted. At most FramePool::largestClass.
  size_t maxFrameSize = FramePool::largestClass;
};

/// What comes out. Every frame with `error` absent can be decoded by whoever got all earlier such frames of
/// the same stream at the same or lower spatial and temporal layers since the last key frame, whatever was
/// lost on the way: frames that lost a reference are held back and counted
/// (AssemblerStatistics::undecodable). So a forwarder that forwards every frame up to some temporal layer
/// never forwards an undecodable one, and goes up a temporal layer at codecInfo.layerSync /
/// metadata.temporalSwitchingPoint.
struct AssembledFrame {
  FrameRef frame;
  /// Frames are missing between the one returned before and this one (none that this one needs).
  bool afterGap = false;
  /// The trailer did not parse and the policy is Required: count it, never forward it. Its metadata is not
  /// set.
  std::optional<MetadataError> error;
};

struct AssemblerStatistics {
  uint64_t frames = 0;            ///< returned without error
  uint64_t keyFrames = 0;         ///< of these
  uint64_t gaps = 0;              ///< times that something missing was given up
  uint64_t undecodable = 0;       ///< complete, but a reference was lost
  uint64_t invalidTrailer = 0;    ///< returned with an error
  uint64_t tooLarge = 0;          ///< above maxFrameSize, or more packets than there are slots
  uint64_t latePackets = 0;       ///< came after their place had been given up or passed
  uint64_t malformedPackets = 0;  ///< payload descriptor did not parse
  uint64_t orphanPackets = 0;     ///< complete frame never came: thrown away
};

class FrameAssembler {
 public:
  /// Packets held at most: a 1 MiB frame in packets of 1,100 bytes. Power of two.
  static constexpr size_t slotCount = 1'024;

  /// `pool` must outlive the assembler.
  FrameAssembler(const AssemblerOptions& options, FramePool& pool);

  enum class Inserted : uint8_t { Stored, Duplicate, Late, Malformed };
  /// Takes a packet, in any order. A packet so far ahead that its slot is taken pushes out the oldest.
  Inserted insert(const MediaPacket& packet, base::Timestamp now);
  /// The next frame in decode order, or nothing now. Call until it returns nothing: after each batch of
  /// packets and at nextDeadline().
  std::optional<AssembledFrame> next(base::Timestamp now);
  /// When next() would give up a gap or begin to need a key frame; plusInfinity when no gap holds a frame
  /// back.
  base::Timestamp nextDeadline() const;

  /// The base layer's chain is broken (or no key frame has come yet): nothing more comes out of it until the
  /// next key frame. Stays until then; the caller limits how often it asks. Never for audio. Also while a
  /// reference has been waited for in vain for long.
  bool needKeyFrame() const { return needKeyFrame_ || overdue_; }
  /// Where the newest key frame that has begun to come in starts; -1: none.
  int64_t newestKeyStart() const { return newestKeyStart_; }
  /// Packets below this sequence number are of no more use; nothing to ask a retransmission for.
  int64_t oldestUseful() const { return nextSequence_; }
  /// For instance a multiple of the round trip time. Counts for gaps that are being waited for, too.
  void setWaits(base::TimeDelta referenceWait, base::TimeDelta keyFrameWait) {
    options_.referenceWait = referenceWait;
    options_.keyFrameWait = keyFrameWait;
  }
  const AssemblerStatistics& statistics() const { return statistics_; }

 private:
  struct Slot {
    int64_t sequence = -1;  ///< -1: empty
    base::PacketRef buffer;
    base::ByteView payload;  ///< with descriptor
    size_t descriptorSize = 0;
    uint32_t timestamp = 0;
    base::Timestamp arrival;
    bool padding = false;
    bool start = false;
    bool end = false;
    bool marker = false;
    bool keyStart = false;  ///< a key frame begins here
    bool voiceActivity = false;
    uint8_t audioLevel = 127;
    PictureInfo picture;
  };
  /// Consecutive packets of one frame from its start on.
  struct Run {
    enum class State : uint8_t { Complete, Incomplete, Broken };
    State state = State::Incomplete;
    int64_t start = 0;
    int64_t end = 0;  ///< one past the last packet; else the first that is missing or does not belong
    size_t bytes = 0;
  };

  Slot& slotAt(int64_t sequence) { return slots_[static_cast<size_t>(sequence) & (slotCount - 1)]; }
  const Slot* find(int64_t sequence) const;
  bool makeRoom(int64_t sequence);
  bool describe(Slot& slot) const;
  bool describeVp8(Slot& slot) const;
  bool describeVp9(Slot& slot) const;
  void skipTo(int64_t sequence);
  Run runFrom(int64_t start) const;
  bool resolveGap(int64_t missing, base::Timestamp now);
  void closeGap();
  std::optional<int64_t> nextStart(int64_t after) const;
  bool isDisposable(int64_t resume) const;
  void giveUp(std::optional<int64_t> resume);
  void settleLoss(const PictureInfo& next);
  bool skippedAsDisposable(int32_t pictureId) const;
  std::optional<AssembledFrame> take(const Run& run, base::Timestamp now);
  FrameRef assemble(const Run& run, base::Timestamp now);
  void fillCodecInfo(const Slot& first, Frame& frame) const;
  std::optional<MetadataError> readMetadata(Frame& frame) const;

  AssemblerOptions options_;
  FramePool& pool_;
  ReferenceTracker tracker_;
  std::vector<Slot> slots_;  ///< ring by sequence number
  bool started_ = false;
  bool advanced_ = false;     ///< something was taken or given up: the beginning cannot move back any more
  int64_t nextSequence_ = 0;  ///< first packet of the frame to come
  int64_t highest_ = -1;
  int64_t newestKeyStart_ = -1;
  /// The gap that holds frames back: its first missing packet, since when, and how long it is waited for.
  std::optional<int64_t> gapSequence_;
  base::Timestamp gapSince_;
  base::TimeDelta gapWait_;
  bool overdue_ = false;  ///< it has been waited for longer than options_.keyFrameWait
  /// Packets were given up since the last frame that was taken; what they were shows with the next one.
  bool lossPending_ = false;
  bool afterGap_ = false;
  bool needKeyFrame_ = false;
  /// Pictures given up of which a packet said that nothing refers to them.
  std::array<int32_t, 16> skippedDisposable_{};
  size_t skippedDisposableCount_ = 0;
  AssemblerStatistics statistics_;
};

}  // namespace sotto::frame
