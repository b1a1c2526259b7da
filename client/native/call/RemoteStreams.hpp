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

class RemoteStreams {
 public:
  /// `keys` null: a room without end-to-end encryption. References must outlive this.
  RemoteStreams(e2ee::KeyProvider* keys, CallObserver& observer) : keys_(keys), observer_(observer) {}

  // ---- the roster
  /// Replaces the whole roster; keys of those who are gone are forgotten.
  void setRoster(const std::vector<Member>& members);
  void upsert(const Member& member);
  void remove(const std::string& participant);
  const std::vector<Participant>& roster() const { return roster_; }

  // ---- slots
  void bind(const SlotsChanged::Slot& slot);
  /// The media connection was replaced: nothing plays anywhere.
  void clearSlots();
  /// What was asked for in each slot: fills in while the server's word on a slot has not come yet.
  void setWishes(std::span<const control::SlotWish> wishes);

  // ---- frames
  void onFrame(const rtc::ReceivedFrame& frame);
  uint64_t unknownSender() const { return unknownSender_; }
  std::vector<RemoteStreamStatistics> statistics() const;

 private:
  using StreamKey = std::pair<std::string, TrackSource>;
  struct Stream {
    RemoteStreamStatistics statistics;
    bool continuous = false;  ///< the last frame still counts for the gap to the next one
    std::string lastFailure;
  };
  struct Binding {
    std::string participant;
    TrackSource source = TrackSource::Camera;
  };

  /// Plays in a slot, or was asked for.
  bool expected(const StreamKey& key) const;
  void installKeys(const Member& member);
  const Participant* find(const std::string& id) const;
  const Participant* findSender(uint16_t sender) const;
  const Participant* whose(const rtc::ReceivedFrame& frame) const;
  TrackSource sourceOf(const rtc::ReceivedFrame& frame, const Participant& participant) const;
  Stream& stream(const Participant& participant, TrackSource source, frame::CodecType codec);
  void interrupt(const std::string& participant, TrackSource source);
  void recordOpened(Stream& stream, const frame::FrameMetadata& metadata, size_t size, base::Timestamp now);
  void recordFailure(Stream& stream, e2ee::OpenError error);

  e2ee::KeyProvider* keys_;
  e2ee::FrameOpener opener_;
  CallObserver& observer_;
  std::vector<Participant> roster_;
  std::map<std::string, Binding> bound_;   ///< slot mid -> what the server says
  std::map<std::string, Binding> wished_;  ///< slot mid -> what we asked for
  std::map<StreamKey, Stream> streams_;
  std::vector<uint8_t> plain_;
  uint64_t unknownSender_ = 0;
};

}  // namespace sotto::client::call
