// The frame assembler fed with packets whose every field the input chooses. Frames must come out in order, be
// no longer than what went in, and every wait must end.
#include <algorithm>
#include <cstdlib>

#include "media/frame/FrameAssembler.hpp"

using namespace sotto;

namespace {

/// An assembler's frames leave in order; returns how many did.
size_t drain(frame::FrameAssembler& assembler, base::Timestamp now, int64_t& last, size_t fed) {
  size_t frames = 0;
  while (const auto out = assembler.next(now)) {
    if (out->frame->firstSequence <= last || out->frame->lastSequence < out->frame->firstSequence)
      std::abort();
    last = out->frame->lastSequence;
    if (out->frame->payload().size() > fed) std::abort();
    ++frames;
  }
  return frames;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  base::ByteReader in(base::ByteView(data, size));
  frame::FramePool pool;
  base::PacketPool packets;
  frame::AssemblerOptions options;
  const uint8_t choice = in.u8();
  options.codec = static_cast<frame::CodecType>(choice % 3);
  options.trailer = static_cast<frame::TrailerPolicy>(choice / 3 % 3);
  options.maxFrameSize = choice & 0x80 ? 100 : 65'536;
  frame::FrameAssembler assembler(options, pool);
  base::Timestamp now = base::Timestamp::millis(1);
  int64_t sequence = 70'000;
  int64_t last = -1;
  uint32_t timestamp = 0;
  size_t fed = 0;
  while (in.remaining() > 4) {
    const uint8_t step = in.u8();
    const uint8_t flags = in.u8();
    sequence += flags & 0x40 ? int64_t{static_cast<int8_t>(step)} * 16 : int64_t{static_cast<int8_t>(step)};
    if (flags & 0x01) ++timestamp;
    if (flags & 0x02) now = now + base::TimeDelta::millis(50);
    frame::MediaPacket packet;
    packet.buffer = packets.acquire();
    const base::ByteView payload = in.bytes(std::min<size_t>(flags >> 2 & 0x0F, in.remaining()));
    std::copy(payload.begin(), payload.end(), packet.buffer.storage().begin());
    packet.buffer.setSize(payload.size());
    packet.payload = packet.buffer.view();
    packet.sequence = sequence;
    packet.timestamp = timestamp;
    packet.marker = flags & 0x80;
    fed += payload.size();
    assembler.insert(packet, now);
    drain(assembler, now, last, fed);
  }
  for (int waits = 0; assembler.nextDeadline() < base::Timestamp::plusInfinity(); ++waits) {
    if (waits > 3'000) std::abort();
    now = std::max(now, assembler.nextDeadline());
    drain(assembler, now, last, fed);
    if (assembler.nextDeadline() <= now) std::abort();
  }
  return 0;
}
