#include "tests/sim/SyntheticVideo.hpp"

#include <algorithm>
#include <cstring>

namespace sotto::sim {

namespace {

uint64_t mix(uint64_t& state) {
  state += 0x9E3779B97F4A7C15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

constexpr uint32_t magic = 0x534F5454;  // "SOTT"

/// First bytes as the codec has them, which packetizers and assemblers look at. 10 bytes for every codec.
void writeCodecHeader(base::ByteWriter& out, const SyntheticFrame& frame) {
  uint8_t header[10] = {};
  switch (frame.codec) {
    case frame::CodecType::Vp8:
      // Frame tag: bit 0 is 0 on key frames; show_frame; a first partition of 20 bytes.
      header[0] = static_cast<uint8_t>((frame.keyFrame ? 0 : 1) | 1 << 4 | (20 & 7) << 5);
      header[1] = 20 >> 3;
      if (frame.keyFrame) {
        header[3] = 0x9D, header[4] = 0x01, header[5] = 0x2A;
        header[6] = static_cast<uint8_t>(frame.width), header[7] = static_cast<uint8_t>(frame.width >> 8);
        header[8] = static_cast<uint8_t>(frame.height), header[9] = static_cast<uint8_t>(frame.height >> 8);
      }
      break;
    case frame::CodecType::Vp9:
      // frame_marker 2, profile 0, show_existing_frame 0, frame_type (0 on key frames), show_frame 1.
      header[0] = static_cast<uint8_t>(0x80 | (frame.keyFrame ? 0 : 0x04) | 0x02);
      break;
    case frame::CodecType::Opus:
      header[0] = 0x78;
      break;  // CELT, full band, 20 ms, mono, one frame
  }
  out.bytes(header);
}

}  // namespace

std::vector<uint8_t> encodeSynthetic(const SyntheticFrame& frame) {
  std::vector<uint8_t> bytes(std::max(frame.size, minimumSyntheticSize));
  base::ByteWriter out(bytes);
  writeCodecHeader(out, frame);
  out.u32(magic);
  out.u8(static_cast<uint8_t>(frame.codec));
  out.u32(frame.author);
  out.u8(frame.layer);
  out.u8(frame.keyFrame ? 1 : 0);
  out.u32(frame.number);
  out.u32(frame.reference);
  out.u8(frame.temporalIndex);
  out.u16(frame.width);
  out.u16(frame.height);
  out.u64(static_cast<uint64_t>(frame.captured.us()));
  out.u32(static_cast<uint32_t>(bytes.size()));
  uint64_t state = static_cast<uint64_t>(frame.author) << 40 ^ static_cast<uint64_t>(frame.layer) << 32 ^
                   frame.number ^ static_cast<uint64_t>(frame.captured.us()) << 8;
  while (out.remaining() >= 8) out.u64(mix(state));
  while (out.remaining() > 0) out.u8(static_cast<uint8_t>(mix(state)));
  return bytes;
}

std::optional<SyntheticFrame> decodeSynthetic(base::ByteView bytes) {
  if (bytes.size() < minimumSyntheticSize) return std::nullopt;
  base::ByteReader in(bytes);
  in.skip(10);
  if (in.u32() != magic) return std::nullopt;
  SyntheticFrame frame;
  const uint8_t codec = in.u8();
  if (codec > 2) return std::nullopt;
  frame.codec = static_cast<frame::CodecType>(codec);
  frame.author = in.u32();
  frame.layer = in.u8();
  frame.keyFrame = in.u8() == 1;
  frame.number = in.u32();
  frame.reference = in.u32();
  frame.temporalIndex = in.u8();
  frame.width = in.u16();
  frame.height = in.u16();
  frame.captured = base::Timestamp::micros(static_cast<int64_t>(in.u64()));
  frame.size = in.u32();
  if (frame.size != bytes.size()) return std::nullopt;
  const std::vector<uint8_t> expected = encodeSynthetic(frame);
  if (std::memcmp(expected.data(), bytes.data(), bytes.size()) != 0) return std::nullopt;
  return frame;
}

uint32_t SyntheticEncoder::vary(uint32_t mean) {
  const uint64_t percent = 75 + mix(state_) % 51;  // 75..125
  return std::max(minimumSyntheticSize, static_cast<uint32_t>(mean * percent / 100));
}

SyntheticFrame SyntheticEncoder::next(base::Timestamp captured) {
  SyntheticFrame frame;
  frame.codec = settings_.codec;
  frame.author = settings_.author;
  frame.layer = settings_.layer;
  frame.width = settings_.width;
  frame.height = settings_.height;
  frame.captured = captured;
  frame.number = number_++;
  frame.keyFrame = keyWanted_;
  if (keyWanted_) {
    keyWanted_ = false;
    ++keyFrames_;
    sinceKey_ = 0;
    frame.reference = frame.number;
    std::fill(std::begin(lastOfLayer_), std::end(lastOfLayer_), frame.number);
    frame.size = vary(settings_.keySize);
    return frame;
  }
  ++sinceKey_;
  static constexpr uint8_t two[2] = {0, 1}, three[4] = {0, 2, 1, 2};
  if (settings_.temporalLayers == 2) frame.temporalIndex = two[sinceKey_ % 2];
  if (settings_.temporalLayers >= 3) frame.temporalIndex = three[sinceKey_ % 4];
  // Refers to the newest frame of its own temporal layer or below; those above are never needed by it.
  uint32_t reference = 0;
  for (uint8_t layer = 0; layer <= frame.temporalIndex; ++layer) {
    reference = std::max(reference, lastOfLayer_[layer]);
  }
  const bool top = settings_.temporalLayers > 1 && frame.temporalIndex == settings_.temporalLayers - 1;
  if (top) {  // The top layer refers below itself, so that each of its frames can be dropped alone.
    reference = 0;
    for (uint8_t layer = 0; layer < frame.temporalIndex; ++layer) {
      reference = std::max(reference, lastOfLayer_[layer]);
    }
  }
  frame.reference = reference;
  frame.discardable = top;
  frame.switchingPoint = frame.temporalIndex > 0 && reference == lastOfLayer_[0];
  if (!top) lastOfLayer_[frame.temporalIndex] = frame.number;
  frame.size = vary(settings_.meanSize);
  return frame;
}

}  // namespace sotto::sim
