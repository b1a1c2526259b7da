#include "client/native/call/RemoteStreams.hpp"

#include <algorithm>

namespace sotto::client::call {

namespace {

/// Between two requests for a key frame that the keys are the reason for.
constexpr auto keyFrameInterval = base::TimeDelta::millis(500);

}  // namespace

e2ee::KeyMember keyMember(const Member& member) {
  const Participant& participant = member.participant;
  return {participant.sender,
          {participant.user, participant.device},
          member.keys,
          participant.connected,
          participant.data};
}

void RemoteStreams::setRoster(const std::vector<Member>& members, base::Timestamp now) {
  for (const Participant& participant : std::vector<Participant>(roster_)) {
    const bool stays = std::any_of(members.begin(), members.end(), [&](const Member& member) {
      return member.participant.id == participant.id && member.participant.sender == participant.sender;
    });
    if (!stays) remove(participant.id, now);
  }
  roster_.clear();
  for (const Member& member : members) {
    roster_.push_back(member.participant);
    tellKeys(member, now);
  }
}

void RemoteStreams::upsert(const Member& member, base::Timestamp now) {
  tellKeys(member, now);
  const auto known = std::find_if(roster_.begin(), roster_.end(), [&](const Participant& participant) {
    return participant.id == member.participant.id;
  });
  if (known == roster_.end()) {
    roster_.push_back(member.participant);
    return;
  }
  *known = member.participant;
  for (const Participant::Track& track : known->tracks) {
    if (track.muted) interrupt(known->id, track.source);
  }
}

void RemoteStreams::remove(const std::string& id, base::Timestamp now) {
  const auto known = std::find_if(roster_.begin(), roster_.end(),
                                  [&](const Participant& participant) { return participant.id == id; });
  if (known == roster_.end()) return;
  if (keys_ != nullptr) keys_->memberLeft(known->sender, now);
  roster_.erase(known);
  for (TrackSource source : {TrackSource::Microphone, TrackSource::Camera, TrackSource::Screen}) {
    interrupt(id, source);
  }
}

void RemoteStreams::tellKeys(const Member& member, base::Timestamp now) {
  if (keys_ != nullptr) keys_->memberPresent(keyMember(member), now);
}

void RemoteStreams::bind(const SlotsChanged::Slot& slot) {
  const auto before = bound_.find(slot.mid);
  if (before != bound_.end()) interrupt(before->second.participant, before->second.source);
  bound_[slot.mid] = {slot.participant, slot.source};
}

void RemoteStreams::clearSlots() {
  // What played goes on in the new connection: the time between is a gap like any other.
  bound_.clear();
  wished_.clear();
}

void RemoteStreams::setWishes(std::span<const control::SlotWish> wishes) {
  wished_.clear();
  for (const control::SlotWish& wish : wishes) {
    if (wish.mode == control::SlotWish::Mode::Participant) {
      wished_[wish.mid] = {wish.participant, wish.source};
    }
  }
  for (auto& [key, stream] : streams_) {
    if (key.second != TrackSource::Microphone && !expected(key)) stream.continuous = false;
  }
}

bool RemoteStreams::expected(const StreamKey& key) const {
  for (const auto* table : {&bound_, &wished_}) {
    for (const auto& [mid, binding] : *table) {
      if (binding.participant == key.first && binding.source == key.second) return true;
    }
  }
  return false;
}

const Participant* RemoteStreams::find(const std::string& id) const {
  const auto found =
      std::find_if(roster_.begin(), roster_.end(), [&](const Participant& other) { return other.id == id; });
  return found == roster_.end() ? nullptr : &*found;
}

const Participant* RemoteStreams::findSender(uint16_t sender) const {
  const auto found = std::find_if(roster_.begin(), roster_.end(),
                                  [&](const Participant& other) { return other.sender == sender; });
  return found == roster_.end() ? nullptr : &*found;
}

std::string RemoteStreams::idOfSender(uint16_t sender) const {
  const Participant* participant = findSender(sender);
  return participant == nullptr ? std::string() : participant->id;
}

const Participant* RemoteStreams::whose(const rtc::ReceivedFrame& frame) const {
  // With keys the key id says whose a frame is, and the MAC proves it; the server's word does not count.
  if (frame.frame.sealed) return findSender(frame.frame.metadata.sender());
  for (const auto* table : {&bound_, &wished_}) {
    if (const auto slot = table->find(frame.mid); slot != table->end()) return find(slot->second.participant);
  }
  return nullptr;
}

TrackSource RemoteStreams::sourceOf(const rtc::ReceivedFrame& frame, const Participant& participant) const {
  if (frame.frame.codec == frame::CodecType::Opus) return TrackSource::Microphone;
  // The event that binds a slot may come after its first frames: then what was asked for is what plays.
  for (const auto* table : {&bound_, &wished_}) {
    const auto slot = table->find(frame.mid);
    if (slot != table->end() && slot->second.participant == participant.id) return slot->second.source;
  }
  return TrackSource::Camera;
}

RemoteStreams::Stream& RemoteStreams::stream(const Participant& participant, TrackSource source,
                                             frame::CodecType codec) {
  Stream& stream = streams_[{participant.id, source}];
  stream.statistics.participant = participant.id;
  stream.statistics.name = participant.name;
  stream.statistics.source = source;
  stream.statistics.codec = codec;
  return stream;
}

void RemoteStreams::interrupt(const std::string& participant, TrackSource source) {
  const auto found = streams_.find({participant, source});
  if (found != streams_.end()) found->second.continuous = false;
}

bool RemoteStreams::isUseless(Stream& stream, const frame::FrameMetadata& metadata) {
  if (metadata.keyFrame || !metadata.video) stream.needsKeyFrame = false;
  return stream.needsKeyFrame;
}

bool RemoteStreams::mayAskKeyFrame(Stream& stream, base::Timestamp now) {
  if (now - stream.keyFrameAsked < keyFrameInterval) return false;
  stream.keyFrameAsked = now;
  return true;
}

bool RemoteStreams::onFrame(const rtc::ReceivedFrame& received) {
  const frame::Frame& frame = received.frame;
  if (frame.payload().empty()) return false;
  const Participant* participant = whose(received);
  if (participant == nullptr) {
    ++unknownSender_;
    return false;
  }
  const TrackSource source = sourceOf(received, *participant);
  Stream& stream = this->stream(*participant, source, frame.codec);
  ++stream.statistics.framesReceived;

  RemoteFrame out;
  out.metadata = frame.metadata;
  out.data = frame.payload();
  if (keys_ != nullptr) {
    plain_.clear();
    const auto metadata = keys_->opener().open(frame.payload(), plain_, participant->sender);
    if (!metadata) {
      recordFailure(stream, metadata.error());
      if (metadata.error() == e2ee::OpenError::UnknownKey) recordUnopened(stream, frame.metadata.keyId);
      if (metadata.error() != e2ee::OpenError::UnknownKey) return false;
      stream.needsKeyFrame = true;
      keys_->keyUnknown(e2ee::KeyId::fromValue(frame.metadata.keyId), frame.received);
      return false;
    }
    keys_->frameOpened(e2ee::KeyId::fromValue(metadata->keyId), frame.received);
    if (isUseless(stream, *metadata)) return mayAskKeyFrame(stream, frame.received);
    out.metadata = *metadata;
    out.data = plain_;
    out.sealed = true;
  }
  recordOpened(stream, out.metadata, out.data.size(), frame.received);
  out.participant = participant->id;
  out.name = participant->name;
  out.source = source;
  out.codec = frame.codec;
  out.rtpTimestamp = received.rtpTimestamp;
  out.clockRate = received.clockRate;
  out.received = frame.received;
  out.slot = received.mid;
  observer_.onRemoteFrame(out);
  return false;
}

void RemoteStreams::recordOpened(Stream& stream, const frame::FrameMetadata& metadata, size_t size,
                                 base::Timestamp now) {
  RemoteStreamStatistics& statistics = stream.statistics;
  if (statistics.framesOpened == 0) statistics.firstFrame = now;
  if (stream.continuous) {
    statistics.longestGap = std::max(statistics.longestGap, now - statistics.lastFrame);
  }
  stream.continuous = true;
  stream.lastFailure.clear();
  statistics.lastFrame = now;
  ++statistics.framesOpened;
  statistics.bytes += size;
  if (metadata.keyFrame) ++statistics.keyFrames;
  if (metadata.width == 0 || statistics.layers.size() >= RemoteStreamStatistics::maxLayerChanges) return;
  const bool same = !statistics.layers.empty() && statistics.layers.back().width == metadata.width &&
                    statistics.layers.back().height == metadata.height;
  if (!same) statistics.layers.push_back({now, metadata.width, metadata.height});
}

void RemoteStreams::recordFailure(Stream& stream, e2ee::OpenError error) {
  if (error == e2ee::OpenError::Empty) return;
  if (error == e2ee::OpenError::Replay) {
    ++stream.statistics.duplicates;
    return;
  }
  const std::string reason = e2ee::toString(error);
  ++stream.statistics.failed[reason];
  if (stream.lastFailure == reason) return;
  stream.lastFailure = reason;
  observer_.onOpenFailure(stream.statistics.participant, reason);
}

void RemoteStreams::recordUnopened(Stream& stream, uint64_t keyId) {
  auto& unopened = stream.statistics.unopenedByKey;
  const bool known = unopened.count(keyId) > 0;
  if (known || unopened.size() < RemoteStreamStatistics::maxUnopenedKeys) ++unopened[keyId];
}

std::vector<RemoteStreamStatistics> RemoteStreams::statistics() const {
  std::vector<RemoteStreamStatistics> all;
  for (const auto& [key, stream] : streams_) all.push_back(stream.statistics);
  return all;
}

}  // namespace sotto::client::call
