// Everybody else in the room: who they are, which of them plays in which slot, the keys that open their
// frames, and a record of what came of each of their streams.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/call/SignalingMessages.hpp"
#include "client/native/e2ee/KeyProvider.hpp"
#include "client/native/rtc/PeerConnection.hpp"

namespace sotto::client::call {

/// The member as the keys know it.
e2ee::KeyMember keyMember(const Member& member);

class RemoteStreams {
 public:
  /// `keys` null: a room without end-to-end encryption. References must outlive this.
  RemoteStreams(e2ee::KeyProvider* keys, CallObserver& observer) : keys_(keys), observer_(observer) {}

  /// From here on frames are taken as they are.
  void withoutKeys() { keys_ = nullptr; }

  // ---- the roster
  /// Replaces the whole roster; keys of those who are gone are forgotten.
  void setRoster(const std::vector<Member>& members, base::Timestamp now);
  void upsert(const Member& member, base::Timestamp now);
  void remove(const std::string& participant, base::Timestamp now);
  const std::vector<Participant>& roster() const { return roster_; }

  // ---- slots
  void bind(const SlotsChanged::Slot& slot);
  /// The media connection was replaced: nothing plays anywhere.
  void clearSlots();
  /// What was asked for in each slot: fills in while the server's word on a slot has not come yet.
  void setWishes(std::span<const control::SlotWish> wishes);

  // ---- frames
  /// True when what plays in that slot needs a key frame: it opens again, but what it refers to did not.
  bool onFrame(const rtc::ReceivedFrame& frame);
  /// The id of the participant with this sender number; empty when there is none.
  std::string idOfSender(uint16_t sender) const;
  uint64_t unknownSender() const { return unknownSender_; }
  std::vector<RemoteStreamStatistics> statistics() const;

 private:
  using StreamKey = std::pair<std::string, TrackSource>;
  struct Stream {
    RemoteStreamStatistics statistics;
    bool continuous = false;  ///< the last frame still counts for the gap to the next one
    std::string lastFailure;
    bool needsKeyFrame = false;  ///< video frames were lost to a missing key
    base::Timestamp keyFrameAsked = base::Timestamp::minusInfinity();
  };
  struct Binding {
    std::string participant;
    TrackSource source = TrackSource::Camera;
  };

  /// Plays in a slot, or was asked for.
  bool expected(const StreamKey& key) const;
  void tellKeys(const Member& member, base::Timestamp now);
  const Participant* find(const std::string& id) const;
  const Participant* findSender(uint16_t sender) const;
  const Participant* whose(const rtc::ReceivedFrame& frame) const;
  TrackSource sourceOf(const rtc::ReceivedFrame& frame, const Participant& participant) const;
  Stream& stream(const Participant& participant, TrackSource source, frame::CodecType codec);
  void interrupt(const std::string& participant, TrackSource source);
  /// Whether a frame that was opened is of no use, for want of those before it.
  static bool isUseless(Stream& stream, const frame::FrameMetadata& metadata);
  static bool mayAskKeyFrame(Stream& stream, base::Timestamp now);
  void recordOpened(Stream& stream, const frame::FrameMetadata& metadata, size_t size, base::Timestamp now);
  void recordFailure(Stream& stream, e2ee::OpenError error);
  static void recordUnopened(Stream& stream, uint64_t keyId);

  e2ee::KeyProvider* keys_;
  CallObserver& observer_;
  std::vector<Participant> roster_;
  std::map<std::string, Binding> bound_;   ///< slot mid -> what the server says
  std::map<std::string, Binding> wished_;  ///< slot mid -> what we asked for
  std::map<StreamKey, Stream> streams_;
  std::vector<uint8_t> plain_;
  uint64_t unknownSender_ = 0;
};

}  // namespace sotto::client::call
