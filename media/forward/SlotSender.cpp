#include "media/forward/SlotSender.hpp"

#include <algorithm>
#include <cctype>

namespace sotto::forward {

namespace {
constexpr uint32_t audioClock = 48'000;
constexpr uint32_t videoClock = 90'000;

bool equalNames(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}
}  // namespace

std::optional<frame::CodecType> codecNamed(std::string_view name) {
  if (equalNames(name, "opus")) return frame::CodecType::Opus;
  if (equalNames(name, "VP8")) return frame::CodecType::Vp8;
  if (equalNames(name, "VP9")) return frame::CodecType::Vp9;
  return std::nullopt;
}

stream::SendStreamOptions SlotSender::options(const control::Slot& slot, size_t maxPacketSize,
                                              base::Random& random) {
  stream::SendStreamOptions options;
  options.ssrc = slot.ssrc;
  options.rtxSsrc = slot.rtxSsrc;
  options.clockRate = slot.kind == control::MediaKind::Audio ? audioClock : videoClock;
  options.extensions.midId = slot.extensions.mid;
  options.extensions.mid = slot.mid;
  if (slot.kind == control::MediaKind::Audio) options.extensions.audioLevelId = slot.extensions.audioLevel;
  options.firstSequence = static_cast<uint16_t>(random.u32() & 0x7FFF);
  options.firstRtxSequence = static_cast<uint16_t>(random.u32() & 0x7FFF);
  options.maxPacketSize = maxPacketSize;
  return options;
}

SlotSender::SlotSender(const control::Slot& slot, size_t maxPacketSize, base::Random& random)
    : stream_(options(slot, maxPacketSize, random)),
      timestamps_(slot.kind == control::MediaKind::Audio ? audioClock : videoClock, random.u32()) {
  for (const control::Codec& codec : slot.codecs) {
    const auto type = codecNamed(codec.name);
    // The first of a name is the preferred one.
    if (!type || payloadTypes_[index(*type)].media != 0) continue;
    payloadTypes_[index(*type)] = {codec.payloadType, codec.rtxPayloadType.value_or(0)};
  }
}

size_t SlotSender::send(const ArrivedFrame& arrived, const How& how, base::Timestamp now,
                        stream::PacketSink& sink) {
  const frame::Frame& frame = *arrived.frame;
  const PayloadTypes types = payloadTypes_[index(frame.codec)];
  stream_.setPayloadTypes(types.media, types.rtx);

  TimestampMapper::Input input;
  input.timestamp = frame.rtpTimestamp;
  input.captured = arrived.captured;
  // Not when it was complete: repairs take their time, and all frames of a run-up are sent at once.
  input.arrival = frame.began;
  input.switched = how.switched;
  input.samePicture = !arrived.startsPicture && !how.switched;
  stream::FrameRewrite rewrite;
  rewrite.rtpTimestamp = timestamps_.map(input, publisher_ == how.publisher);
  publisher_ = how.publisher;
  rewrite.descriptor = pictures_.next(arrived, how.switched, how.endOfPicture);
  return stream_.sendFrame(arrived.frame, rewrite, now, sink);
}

}  // namespace sotto::forward
