// The proof inside synthetic frames: writing and checking; see SyntheticSource.hpp.
#include "client/native/mediafile/SyntheticProof.hpp"

#include <algorithm>
#include <cstring>

#include "media/base/Random.hpp"

namespace sotto::client::mediafile {
namespace {

// Layout behind the codec's own header: magic, seed, picture, layer, temporal index, key flag, capture time,
// whole frame's size, checksum; then filler up to the frame's end.
constexpr uint8_t magic[8] = {'S', 'o', 't', 't', 'o', 'S', 'y', 'n'};
constexpr size_t checksumOffset = sizeof(magic) + 4 + 4 + 1 + 1 + 1 + 8 + 4;

// A fast 64-bit mix over the frame with a zero where the checksum stands. It finds errors of ours; against
// malice the frame's MAC has been checked before.
uint64_t checksum(base::ByteView frame, size_t hole) {
  uint64_t hash = 0x9e3779b97f4a7c15u ^ frame.size();
  for (size_t i = 0; i < frame.size(); i += 8) {
    uint8_t word[8] = {};
    std::memcpy(word, frame.data() + i, std::min<size_t>(8, frame.size() - i));
    for (size_t j = 0; j < 8; ++j) {
      if (i + j >= hole && i + j < hole + 8) word[j] = 0;
    }
    hash = (hash ^ base::loadU64(word)) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return hash;
}

size_t headerLength(frame::CodecType codec, base::ByteView frame) {
  if (codec == frame::CodecType::Opus) return 1;
  return !frame.empty() && (frame[0] & 1) == 0 ? 10 : 3;
}

}  // namespace

void writeSynthetic(const SyntheticProof& proof, size_t headerSize, base::MutableByteView frame) {
  base::ByteWriter writer(frame.subspan(headerSize));
  writer.bytes(magic);
  writer.u32(proof.seed);
  writer.u32(proof.picture);
  writer.u8(proof.layer);
  writer.u8(proof.temporalIndex);
  writer.u8(proof.keyFrame ? 1 : 0);
  writer.u64(static_cast<uint64_t>(proof.capturedUs));
  writer.u32(static_cast<uint32_t>(frame.size()));
  writer.u64(0);
  const size_t filled = headerSize + writer.position();
  base::SeededRandom filler(static_cast<uint64_t>(proof.seed) << 32 ^
                            static_cast<uint64_t>(proof.picture) << 3 ^ proof.layer);
  filler.fill(frame.subspan(filled));
  const size_t hole = headerSize + checksumOffset;
  base::storeU64(frame.data() + hole, checksum(frame, hole));
}

bool looksSynthetic(frame::CodecType codec, base::ByteView frame) {
  const size_t headerSize = headerLength(codec, frame);
  return frame.size() >= headerSize + syntheticProofSize &&
         std::memcmp(frame.data() + headerSize, magic, sizeof(magic)) == 0;
}

std::optional<SyntheticProof> checkSynthetic(frame::CodecType codec, base::ByteView frame) {
  if (!looksSynthetic(codec, frame)) return std::nullopt;
  const size_t headerSize = headerLength(codec, frame);
  base::ByteReader reader(frame.subspan(headerSize + sizeof(magic)));
  SyntheticProof proof;
  proof.seed = reader.u32();
  proof.picture = reader.u32();
  proof.layer = reader.u8();
  proof.temporalIndex = reader.u8();
  proof.keyFrame = reader.u8() != 0;
  proof.capturedUs = static_cast<int64_t>(reader.u64());
  const uint32_t size = reader.u32();
  const uint64_t sum = reader.u64();
  if (size != frame.size() || sum != checksum(frame, headerSize + checksumOffset)) return std::nullopt;
  return proof;
}

}  // namespace sotto::client::mediafile
