#include "media/rtp/TransportFeedback.hpp"

#include <algorithm>
#include <span>

namespace sotto::rtp {
namespace {

/// Packet status symbols, section 3.1.1.
constexpr uint8_t notReceived = 0;
constexpr uint8_t smallDelta = 1;
constexpr uint8_t largeDelta = 2;

constexpr int64_t tickMicros = 250;
constexpr int64_t ticksPerReference = 256;  // 64 ms
constexpr size_t fixedSize = 20;            // RTCP header, SSRCs, base, count, reference time, feedback count
constexpr size_t maxPacketSize = 1'200;
constexpr size_t maxPending = 8'192;
constexpr uint16_t maxRun = 0x1FFF;
constexpr size_t oneBitSymbols = 14;
constexpr size_t twoBitSymbols = 7;

bool isVector(uint16_t chunk) {
  return chunk & 0x8000;
}
bool isTwoBit(uint16_t chunk) {
  return chunk & 0x4000;
}
uint32_t symbolsIn(uint16_t chunk) {
  if (!isVector(chunk)) return chunk & maxRun;
  return isTwoBit(chunk) ? twoBitSymbols : oneBitSymbols;
}
/// The symbol that has `left` symbols (itself included) to go in its chunk.
uint8_t symbolAt(uint16_t chunk, uint32_t left) {
  if (!isVector(chunk)) return chunk >> 13 & 0x03;
  if (isTwoBit(chunk)) return static_cast<uint8_t>(chunk >> (2 * (left - 1)) & 0x03);
  return static_cast<uint8_t>(chunk >> (left - 1) & 0x01);
}

int64_t floorDivide(int64_t value, int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}
int64_t ticksOf(base::Timestamp time) {
  return floorDivide(time.us(), tickMicros);
}

using Symbols = std::span<const uint8_t>;

/// The next chunk for the front of `symbols`; takes what it covers off.
uint16_t encodeChunk(Symbols& symbols) {
  size_t run = 1;
  while (run < symbols.size() && run < maxRun && symbols[run] == symbols[0]) ++run;
  uint16_t chunk = 0;
  size_t taken = run;
  const size_t reach = std::min(symbols.size(), oneBitSymbols);
  const bool oneBit = std::all_of(symbols.begin(), symbols.begin() + static_cast<ptrdiff_t>(reach),
                                  [](uint8_t symbol) { return symbol <= smallDelta; });
  if (run >= (oneBit ? oneBitSymbols : twoBitSymbols) || run == symbols.size()) {
    chunk = static_cast<uint16_t>(static_cast<unsigned>(symbols[0]) << 13 | run);
  } else if (oneBit) {
    taken = reach;
    chunk = 0x8000;
    for (size_t i = 0; i < taken; ++i) {
      chunk = static_cast<uint16_t>(chunk | symbols[i] << (oneBitSymbols - 1 - i));
    }
  } else {
    taken = std::min(symbols.size(), twoBitSymbols);
    chunk = 0xC000;
    for (size_t i = 0; i < taken; ++i) {
      chunk = static_cast<uint16_t>(chunk | symbols[i] << (2 * (twoBitSymbols - 1 - i)));
    }
  }
  symbols = symbols.subspan(taken);
  return chunk;
}

}  // namespace

TransportFeedbackView::Cursor::Cursor(const TransportFeedbackView& view)
    : chunks_(view.chunks_),
      deltas_(view.deltas_),
      sequence_(view.baseSequence),
      remaining_(view.statusCount),
      time_(base::TimeDelta::millis(int64_t{64} * view.referenceTime)) {}

bool TransportFeedbackView::Cursor::loadChunk() {
  while (chunkLeft_ == 0) {
    chunk_ = chunks_.u16();
    if (!chunks_.ok()) return ok_ = false;
    chunkLeft_ = symbolsIn(chunk_);
  }
  return true;
}

bool TransportFeedbackView::Cursor::next(Status& status) {
  if (remaining_ == 0 || !loadChunk()) return false;
  const uint8_t symbol = symbolAt(chunk_, chunkLeft_--);
  --remaining_;
  status.sequence = sequence_++;
  status.received = symbol != notReceived;
  status.arrival.reset();
  if (symbol == smallDelta || symbol == largeDelta) {
    const int64_t delta = symbol == smallDelta ? deltas_.u8() : static_cast<int16_t>(deltas_.u16());
    if (!deltas_.ok()) return ok_ = false;
    time_ += base::TimeDelta::micros(delta * tickMicros);
    status.arrival = time_;
  }
  return true;
}

tl::expected<TransportFeedbackView, ParseError> TransportFeedbackView::parse(const RtcpPacketView& packet) {
  base::ByteReader in(packet.body);
  TransportFeedbackView view;
  view.senderSsrc = in.u32();
  view.mediaSsrc = in.u32();
  view.baseSequence = in.u16();
  view.statusCount = in.u16();
  view.referenceTime = static_cast<int32_t>(in.u24() << 8) >> 8;
  view.feedbackCount = in.u8();
  if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
  view.chunks_ = in.rest();
  for (uint32_t covered = 0; covered < view.statusCount;) {
    const uint16_t chunk = in.u16();
    if (!in.ok()) return tl::make_unexpected(ParseError::Truncated);
    covered += symbolsIn(chunk);
  }
  view.deltas_ = in.rest();
  Cursor cursor(view);
  Status status;
  while (cursor.next(status)) continue;
  if (!cursor.ok()) return tl::make_unexpected(ParseError::Truncated);
  return view;
}

void TransportFeedbackBuilder::onPacket(int64_t sequence, base::Timestamp arrival) {
  if (arrivals_.size() >= maxPending) return;
  if (arrivals_.empty() || sequence > arrivals_.back().sequence) {
    arrivals_.push_back({sequence, arrival});
    return;
  }
  const auto at = std::lower_bound(arrivals_.begin(), arrivals_.end(), sequence,
                                   [](const Arrival& a, int64_t wanted) { return a.sequence < wanted; });
  if (at->sequence != sequence) arrivals_.insert(at, {sequence, arrival});
}

/// Takes as many arrivals as one packet of `limit` bytes holds.
TransportFeedbackBuilder::Plan TransportFeedbackBuilder::plan(size_t limit) const {
  Plan plan;
  const int64_t first = arrivals_.front().sequence;
  // A packet that comes after it was reported lost gets a feedback of its own: filling the space between with
  // "not received" would take back what was said before.
  const bool belated = nextSequence_ && first < *nextSequence_;
  const bool bridges =
      nextSequence_ && !belated && first - *nextSequence_ < static_cast<int64_t>(maxStatuses);
  plan.baseSequence = bridges ? *nextSequence_ : first;
  plan.reference = floorDivide(ticksOf(arrivals_.front().time), ticksPerReference);
  size_t deltaBytes = 0;
  int64_t previous = plan.reference * ticksPerReference;
  for (const Arrival& arrival : arrivals_) {
    const int64_t skipped = arrival.sequence - plan.baseSequence - static_cast<int64_t>(plan.statuses);
    if (skipped >= static_cast<int64_t>(maxStatuses - plan.statuses) || (belated && skipped > 0)) break;
    if (belated && arrival.sequence >= *nextSequence_) break;
    const int64_t delta = ticksOf(arrival.time) - previous;
    if (delta < INT16_MIN || delta > INT16_MAX) break;
    const bool isSmall = delta >= 0 && delta <= 255;
    const size_t count = plan.statuses + static_cast<size_t>(skipped) + 1;
    const size_t size = fixedSize + 2 * (count / twoBitSymbols + 1) + deltaBytes + (isSmall ? 1 : 2) + 3;
    if (size > limit) break;
    plan.symbols[count - 1] = isSmall ? smallDelta : largeDelta;
    plan.deltas[plan.taken++] = static_cast<int16_t>(delta);
    deltaBytes += isSmall ? 1 : 2;
    previous += delta;
    plan.statuses = count;
  }
  return plan;
}

size_t TransportFeedbackBuilder::write(uint32_t senderSsrc, uint32_t mediaSsrc, base::MutableByteView out) {
  const size_t limit = std::min(out.size(), maxPacketSize);
  if (arrivals_.empty() || limit < fixedSize + 8) return 0;
  const Plan plan = this->plan(limit);
  if (plan.taken == 0) return 0;

  base::ByteWriter writer(out);
  writeRtcpHeader(writer, fmtTransportWide, RtcpType::TransportFeedback, 4);  // length set below
  writer.u32(senderSsrc);
  writer.u32(mediaSsrc);
  writer.u16(static_cast<uint16_t>(plan.baseSequence));
  writer.u16(static_cast<uint16_t>(plan.statuses));
  writer.u24(static_cast<uint32_t>(plan.reference) & 0xFFFFFF);
  writer.u8(feedbackCount_++);
  for (Symbols rest(plan.symbols.data(), plan.statuses); !rest.empty();) writer.u16(encodeChunk(rest));
  for (size_t i = 0, at = 0; i < plan.statuses; ++i) {
    if (plan.symbols[i] == smallDelta) writer.u8(static_cast<uint8_t>(plan.deltas[at++]));
    if (plan.symbols[i] == largeDelta) writer.u16(static_cast<uint16_t>(plan.deltas[at++]));
  }
  if (const size_t padding = (4 - writer.position() % 4) % 4; padding != 0) {
    writer.fill(0, padding - 1);
    writer.u8(static_cast<uint8_t>(padding));
    out[0] |= 0x20;
  }
  base::storeU16(&out[2], static_cast<uint16_t>(writer.position() / 4 - 1));

  const int64_t after = plan.baseSequence + static_cast<int64_t>(plan.statuses);
  nextSequence_ = std::max(nextSequence_.value_or(after), after);
  arrivals_.erase(arrivals_.begin(), arrivals_.begin() + static_cast<ptrdiff_t>(plan.taken));
  return writer.position();
}

}  // namespace sotto::rtp
