#include "tests/sim/Oracles.hpp"

#include <algorithm>

#include "media/rtp/RtpPacket.hpp"

namespace sotto::sim {

namespace {

/// How far RTP timestamps may stray from capture times once sender reports map the clocks of the layers to
/// each other. Before the first reports, some of which are lost, there are only arrival times: what is
/// measured begins after that.
constexpr auto timestampTolerance = base::TimeDelta::millis(40);
constexpr auto clocksKnownAfter = base::TimeDelta::millis(1'500);
/// Payload types that our clients offer for RTX.
bool isRtx(uint8_t payloadType) {
  return payloadType == 97 || payloadType == 99;
}

}  // namespace

std::string Violations::describe() const {
  std::string text = std::to_string(count_) + " violations";
  for (const std::string& each : texts_) text += "\n  " + each;
  return text;
}

void StreamOracle::onFrame(const client::call::RemoteFrame& received, uint32_t author,
                           const WireOracle& wire) {
  const auto frame = decodeSynthetic(received.data);
  if (!frame) return violations_.add(label_ + ": a frame differs from what was sent");
  if (frame->author != author) violations_.add(label_ + ": a frame of somebody else");
  if (frame->keyFrame != received.metadata.keyFrame && received.codec != frame::CodecType::Opus) {
    violations_.add(label_ + ": the trailer is wrong about a key frame");
  }
  if (slot_ != received.slot) restart();  // plays elsewhere now
  slot_ = received.slot;
  if (received.codec != frame::CodecType::Opus) {
    checkTimestamps(received, *frame, wire);
    checkDecodable(*frame);
  }
  ++frames_;
  if (frame->keyFrame) ++keyFrames_;
  if (!first_) first_ = received.received;
  if (continuous_) longestGap_ = std::max(longestGap_, received.received - last_);
  continuous_ = true;
  last_ = received.received;
}

void StreamOracle::restart() {
  slot_.clear();
  anyDecoded_ = false;
  decoded_.clear();
}

void StreamOracle::checkDecodable(const SyntheticFrame& frame) {
  if (anyDecoded_ && frame.layer != layer_) {
    ++layerSwitches_;
    if (!frame.keyFrame) violations_.add(label_ + ": layer changed without a key frame");
  }
  if (frame.keyFrame) {
    decoded_.clear();
  } else if (decoded_.count(frame.reference) == 0) {
    violations_.add(label_ + ": frame " + std::to_string(frame.number) + " of layer " +
                    std::to_string(frame.layer) + " came without its reference " +
                    std::to_string(frame.reference));
  }
  decoded_.insert(frame.number);
  // Nothing refers back further than this; the set stays small.
  while (decoded_.size() > 64) decoded_.erase(decoded_.begin());
  anyDecoded_ = true;
  layer_ = frame.layer;
  height_ = frame.height;
}

void StreamOracle::checkTimestamps(const client::call::RemoteFrame& received, const SyntheticFrame& frame,
                                   const WireOracle& wire) {
  if (!anyDecoded_) {
    anchored_ = false;
    firstCaptured_ = newestCaptured_ = newestSeen_ = frame.captured;
  } else {
    if (received.rtpTimestamp <= lastRtpTimestamp_)
      violations_.add(label_ + ": an RTP timestamp went back or stood");
    const base::TimeDelta step = frame.captured - lastCaptured_;
    if (frame.layer == layer_ && step <= base::TimeDelta::zero()) {
      violations_.add(label_ + ": captured " + std::to_string(step.us()) + " us after the frame before");
    }
    if (step < -skew_) ++framesCatchingUp_;
    checkSeen(received, wire);
  }
  lastRtpTimestamp_ = received.rtpTimestamp;
  lastCaptured_ = frame.captured;
}

/// The frame before is seen unless this one is due within a blink.
void StreamOracle::checkSeen(const client::call::RemoteFrame& received, const WireOracle& wire) {
  const auto timestamp = static_cast<uint32_t>(received.rtpTimestamp);
  const auto before = static_cast<uint32_t>(lastRtpTimestamp_);
  const auto due = base::TimeDelta::micros((received.rtpTimestamp - lastRtpTimestamp_) * 1'000'000 /
                                           static_cast<int64_t>(received.clockRate));
  const base::TimeDelta step = lastCaptured_ - newestSeen_;
  if (due < blink) {
    const base::TimeDelta alone = wire.sentAt(timestamp) - wire.sentAt(before);
    if (step < -skew_ && alone > blink) {
      violations_.add(label_ + ": a picture of the past was alone for " + std::to_string(alone.us()) + " us");
    }
    return;
  }
  // What was to follow at once was lost on the way for good: no fault of the switch.
  if (step < -skew_ && wire.anyBetween(before, timestamp)) return;
  if (step < -skew_) {
    violations_.add(label_ + ": the picture went back by " + std::to_string((-step).us()) + " us");
  }
  newestSeen_ = lastCaptured_;
  checkProgress(received.clockRate);
}

/// The frame before was seen: its timestamp tells how much time has passed.
void StreamOracle::checkProgress(uint32_t clockRate) {
  // A picture older than one already seen cannot have its own time: timestamps only go up.
  if (lastCaptured_ <= newestCaptured_) return;
  newestCaptured_ = lastCaptured_;
  if (lastCaptured_ - firstCaptured_ < clocksKnownAfter || !anchored_) {
    anchored_ = lastCaptured_ - firstCaptured_ >= clocksKnownAfter;
    anchorCaptured_ = lastCaptured_;
    anchorRtpTimestamp_ = lastRtpTimestamp_;
    return;
  }
  const base::TimeDelta captured = lastCaptured_ - anchorCaptured_;
  const auto claimed = base::TimeDelta::micros((lastRtpTimestamp_ - anchorRtpTimestamp_) * 1'000'000 /
                                               static_cast<int64_t>(clockRate));
  const base::TimeDelta difference = std::max(claimed - captured, captured - claimed);
  if (difference <= timestampTolerance) return;
  violations_.add(label_ + ": RTP timestamps say that " + std::to_string(claimed.us()) +
                  " us have passed where " + std::to_string(captured.us()) + " us have");
}

base::TimeDelta StreamOracle::longestGap(base::Timestamp now) const {
  return continuous_ ? std::max(longestGap_, now - last_) : longestGap_;
}

void WireOracle::onDatagram(base::ByteView datagram, base::Timestamp now) {
  if (!rtp::looksLikeRtp(datagram) || rtp::looksLikeRtcp(datagram)) return;
  const auto packet = rtp::RtpPacketView::parse(datagram);
  if (!packet) return violations_.add(label_ + ": the server sent a malformed RTP header");
  ++packets_;
  const auto [found, isNew] = streams_.try_emplace(packet->ssrc);
  Stream& stream = found->second;
  if (!isNew) {
    const auto step = static_cast<uint16_t>(packet->sequenceNumber - stream.sequence);
    if (step != 1) {
      violations_.add(label_ + ": sequence number " + std::to_string(packet->sequenceNumber) + " after " +
                      std::to_string(stream.sequence));
    }
    if (!isRtx(packet->payloadType) && static_cast<int32_t>(packet->timestamp - stream.timestamp) < 0) {
      violations_.add(label_ + ": timestamp " + std::to_string(packet->timestamp) + " after " +
                      std::to_string(stream.timestamp));
    }
  }
  stream = {packet->sequenceNumber, packet->timestamp};
  sentAt_.try_emplace(packet->timestamp, now);
}

bool WireOracle::anyBetween(uint32_t timestamp, uint32_t later) const {
  const auto next = sentAt_.upper_bound(timestamp);
  return next != sentAt_.end() && next->first < later;
}

}  // namespace sotto::sim
