// Tells which track and which simulcast layer an incoming packet belongs to (BUNDLE, RFC 8843 section 9.2;
// RID, RFC 8852): by MID and RID while the sender writes them, by the SSRCs learned from them, by a=ssrc of
// the offer, and last by a payload type that only one track has.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "media/control/Messages.hpp"
#include "media/rtp/RtpPacket.hpp"

namespace sotto::room {

class StreamBinder {
 public:
  /// What a packet is, as far as it says so itself or an earlier one did.
  struct Binding {
    size_t track = 0;                       ///< index into the tracks
    const control::Codec* codec = nullptr;  ///< by payload type; valid until the tracks change
    bool rtx = false;
    std::string_view rid;       ///< of media, or the repaired one of RTX; empty when not said
    uint32_t repairedSsrc = 0;  ///< RTX: by FID of the offer, where it was given
  };

  void setTracks(std::vector<control::Track> tracks) { tracks_ = std::move(tracks); }
  /// For a packet of an SSRC that is not bound yet, or one that carries a MID. Allocates nothing.
  std::optional<Binding> bind(const rtp::RtpPacketView& packet) const;
  /// The codec of that payload type within a track; nullptr: none. Sets `rtx`.
  const control::Codec* codecOf(size_t track, uint8_t payloadType, bool& rtx) const;

 private:
  std::optional<size_t> trackByMid(const rtp::RtpPacketView& packet, bool& hasMid) const;
  std::optional<size_t> trackBySsrc(uint32_t ssrc) const;
  std::optional<size_t> trackByPayloadType(uint8_t payloadType) const;

  std::vector<control::Track> tracks_;
};

}  // namespace sotto::room
