// Values of the header extensions that Sotto reads and writes; where they lie in a packet is RtpPacket.hpp's
// business.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"

namespace sotto::rtp {

/// Client-to-mixer audio level (RFC 6464 section 3).
struct AudioLevel {
  uint8_t level = 127;  ///< -dBov: 0 loudest .. 127 silent
  bool voiceActivity = false;
  bool operator==(const AudioLevel&) const = default;
};
std::optional<AudioLevel> parseAudioLevel(base::ByteView value);
std::array<uint8_t, 1> encodeAudioLevel(AudioLevel level);

/// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2), version 1.
std::optional<uint16_t> parseTransportSequence(base::ByteView value);
std::array<uint8_t, 2> encodeTransportSequence(uint16_t sequence);

/// Absolute send time: 24 bits of 6.18 fixed point seconds, wraps every 64 s.
std::optional<uint32_t> parseAbsSendTime(base::ByteView value);
std::array<uint8_t, 3> encodeAbsSendTime(base::Timestamp now);

}  // namespace sotto::rtp
