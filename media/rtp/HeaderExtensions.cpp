#include "media/rtp/HeaderExtensions.hpp"

namespace sotto::rtp {

std::optional<AudioLevel> parseAudioLevel(base::ByteView value) {
  if (value.empty()) return std::nullopt;
  return AudioLevel{static_cast<uint8_t>(value[0] & 0x7F), (value[0] & 0x80) != 0};
}

std::array<uint8_t, 1> encodeAudioLevel(AudioLevel level) {
  return {static_cast<uint8_t>((level.voiceActivity ? 0x80 : 0) | (level.level & 0x7F))};
}

std::optional<uint16_t> parseTransportSequence(base::ByteView value) {
  if (value.size() < 2) return std::nullopt;
  return base::loadU16(value.data());
}

std::array<uint8_t, 2> encodeTransportSequence(uint16_t sequence) {
  std::array<uint8_t, 2> value{};
  base::storeU16(value.data(), sequence);
  return value;
}

std::optional<uint32_t> parseAbsSendTime(base::ByteView value) {
  if (value.size() < 3) return std::nullopt;
  return base::loadU24(value.data());
}

std::array<uint8_t, 3> encodeAbsSendTime(base::Timestamp now) {
  constexpr int64_t wrap = 64'000'000;  // 64 s in microseconds
  const int64_t micros = ((now.us() % wrap) + wrap) % wrap;
  std::array<uint8_t, 3> value{};
  base::storeU24(value.data(), static_cast<uint32_t>((micros << 18) / 1'000'000) & 0xFFFFFF);
  return value;
}

}  // namespace sotto::rtp
