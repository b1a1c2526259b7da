#include "media/room/StreamBinder.hpp"

#include <algorithm>

namespace sotto::room {

const control::Codec* StreamBinder::codecOf(size_t track, uint8_t payloadType, bool& rtx) const {
  for (const control::Codec& codec : tracks_[track].codecs) {
    rtx = codec.rtxPayloadType && *codec.rtxPayloadType == payloadType;
    if (rtx || codec.payloadType == payloadType) return &codec;
  }
  return nullptr;
}

std::optional<size_t> StreamBinder::trackByMid(const rtp::RtpPacketView& packet, bool& hasMid) const {
  // Each m-line is asked under its own id: some stacks use one id for different extensions on different
  // lines.
  hasMid = false;
  for (size_t i = 0; i < tracks_.size(); ++i) {
    const std::string_view mid = packet.extensionText(tracks_[i].extensions.mid);
    if (mid.empty()) continue;
    if (mid == tracks_[i].mid) return i;
    hasMid = true;
  }
  return std::nullopt;
}

std::optional<size_t> StreamBinder::trackBySsrc(uint32_t ssrc) const {
  for (size_t i = 0; i < tracks_.size(); ++i) {
    for (const auto& pair : tracks_[i].ssrcs) {
      if (pair.media == ssrc || (pair.rtx != 0 && pair.rtx == ssrc)) return i;
    }
  }
  return std::nullopt;
}

std::optional<size_t> StreamBinder::trackByPayloadType(uint8_t payloadType) const {
  std::optional<size_t> found;
  for (size_t i = 0; i < tracks_.size(); ++i) {
    bool rtx = false;
    if (codecOf(i, payloadType, rtx) == nullptr) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

std::optional<StreamBinder::Binding> StreamBinder::bind(const rtp::RtpPacketView& packet) const {
  bool hasMid = false;
  std::optional<size_t> track = trackByMid(packet, hasMid);
  if (!track) track = trackBySsrc(packet.ssrc);
  // A MID that names none of our tracks is a packet for a line that is gone, or not ours.
  if (!track && !hasMid) track = trackByPayloadType(packet.payloadType);
  if (!track) return std::nullopt;

  Binding binding;
  binding.track = *track;
  binding.codec = codecOf(*track, packet.payloadType, binding.rtx);
  if (binding.codec == nullptr) return std::nullopt;
  const control::Track& config = tracks_[*track];
  binding.rid = packet.extensionText(config.extensions.rid);
  if (binding.rtx) {
    const std::string_view repaired = packet.extensionText(config.extensions.repairedRid);
    if (!repaired.empty()) binding.rid = repaired;
    for (const auto& pair : config.ssrcs) {
      if (pair.rtx == packet.ssrc) binding.repairedSsrc = pair.media;
    }
  }
  return binding;
}

}  // namespace sotto::room
