// A VP8 source and an assembler at the other end of it, for tests of the assembler.
#pragma once

#include <optional>
#include <vector>

#include "FrameSource.hpp"
#include "media/frame/FrameAssembler.hpp"

namespace sotto::test {

using namespace frame;
using base::TimeDelta;
using base::Timestamp;

inline AssemblerOptions optionsFor(CodecType codec, TrailerPolicy trailer = TrailerPolicy::Required) {
  AssemblerOptions options;
  options.codec = codec;
  options.trailer = trailer;
  return options;
}

/// A source, what it sent, and an assembler at the other end.
struct Vp8Call {
  explicit Vp8Call(uint64_t seed = 1, TrailerPolicy trailer = TrailerPolicy::Required)
      : random(seed), source(pool, random), assembler(optionsFor(CodecType::Vp8, trailer), pool) {}

  /// Encodes one frame and returns its packets.
  std::vector<MediaPacket> encode(bool key = false, size_t size = 3'000) {
    frames.push_back(source.next(key, size));
    return maker.packets(*frames.back());
  }
  void insert(const std::vector<MediaPacket>& packets) {
    for (const MediaPacket& packet : packets) assembler.insert(packet, now);
  }
  /// Index of the frame that comes out now, -1 when none does.
  int pop() {
    const auto out = assembler.next(now);
    if (!out) return -1;
    last = out;
    for (size_t i = 0; i < frames.size(); ++i) {
      if (frames[i]->rtpTimestamp == out->frame->rtpTimestamp) return static_cast<int>(i);
    }
    return -2;
  }
  void later(TimeDelta delta) { now = now + delta; }

  base::SeededRandom random;
  FramePool pool;
  test::Vp8Source source;
  test::PacketMaker maker;
  FrameAssembler assembler;
  std::vector<FrameRef> frames;
  std::optional<AssembledFrame> last;
  Timestamp now = Timestamp::millis(1'000);
};

}  // namespace sotto::test
