#include "media/forward/Source.hpp"

#include <algorithm>
#include <utility>

#include "media/rtp/Vp9Descriptor.hpp"

namespace sotto::forward {

using base::DataRate;
using base::DataSize;
using base::Timestamp;

namespace {
/// What a packet costs beyond the frame's bytes: UDP/IP, RTP header with extensions, descriptor, SRTP tag.
constexpr int64_t packetOverhead = 75;
constexpr int64_t packetPayload = 1'130;
constexpr base::TimeDelta measureInterval = base::TimeDelta::millis(100);

DataSize wireSize(const frame::Frame& frame) {
  const auto size = static_cast<int64_t>(frame.payload().size());
  return DataSize::bytes(size + (size / packetPayload + 1) * packetOverhead);
}

uint8_t temporalOf(const frame::Frame& frame) {
  return std::max<uint8_t>(frame.metadata.temporalIndex,
                           static_cast<uint8_t>(std::max<int8_t>(frame.codecInfo.temporalId, 0)));
}

uint8_t spatialOf(const frame::Frame& frame) {
  if (frame.codec != frame::CodecType::Vp9) return 0;
  return static_cast<uint8_t>(std::max<int8_t>(frame.codecInfo.spatialId, 0));
}
}  // namespace

const Source::Stream* Source::findStream(uint32_t ssrc) const {
  for (size_t i = 0; i < streamCount_; ++i) {
    if (streams_[i].ssrc == ssrc) return &streams_[i];
  }
  return nullptr;
}

Source::Stream* Source::findStream(uint32_t ssrc) {
  return const_cast<Stream*>(std::as_const(*this).findStream(ssrc));
}

Source::Stream& Source::streamOf(uint32_t ssrc) {
  if (Stream* known = findStream(ssrc)) return *known;
  // A publisher that changes its SSRCs again and again takes the places of its own old streams.
  const size_t place = streamCount_ < maxLayers ? streamCount_++ : nextStream_++ % maxLayers;
  streams_[place] = Stream{};
  streams_[place].ssrc = ssrc;
  streams_[place].epoch = ++epochs_;
  return streams_[place];
}

LayerIndex Source::layerOf(uint32_t ssrc, uint8_t spatial, Timestamp now) {
  for (size_t i = 0; i < layerCount_; ++i) {
    if (layers_[i].ssrc == ssrc && layers_[i].spatial == spatial) return static_cast<LayerIndex>(i);
  }
  size_t place = layerCount_;
  if (layerCount_ < maxLayers) {
    ++layerCount_;
  } else {
    const auto oldest = std::min_element(layers_.begin(), layers_.end(), [](const Layer& a, const Layer& b) {
      return a.lastFrame < b.lastFrame;
    });
    if (oldest->lastFrame + sourceTimeout > now) return noLayer;
    place = static_cast<size_t>(oldest - layers_.begin());
  }
  layers_[place] = Layer{};
  layers_[place].ssrc = ssrc;
  layers_[place].spatial = spatial;
  return static_cast<LayerIndex>(place);
}

void Source::setSize(LayerIndex index, uint16_t width, uint16_t height) {
  Layer& layer = layers_[index];
  if (layer.width == width && layer.height == height) return;
  layer.width = width;
  layer.height = height;
  optionsAt_ = Timestamp::minusInfinity();
  ++layoutRevision_;
}

/// VP9 says in its descriptor how large its spatial layers are: for frames whose trailers do not.
void Source::learnStructure(const frame::Frame& frame, Timestamp now) {
  const auto structure = rtp::parseVp9ScalabilityStructure(
      base::ByteView(frame.codecInfo.scalabilityStructure).first(frame.codecInfo.scalabilityStructureSize));
  if (!structure || !structure->hasSizes) return;
  for (uint8_t spatial = 0; spatial < structure->layerCount; ++spatial) {
    const LayerIndex index = layerOf(frame.ssrc, spatial, now);
    if (index != noLayer) setSize(index, structure->widths[spatial], structure->heights[spatial]);
  }
}

bool Source::isSent(const Layer& layer) const {
  const Stream* stream = findStream(layer.ssrc);
  if (stream == nullptr) return false;
  const base::TimeDelta timeout =
      std::clamp(layer.interval * layerTimeoutIntervals, minLayerTimeout, layerTimeout);
  return stream->lastPacket + timeout >= lastPacket_ && layer.lastFrame + timeout >= stream->lastFrame;
}

void Source::noteActivity() {
  for (size_t i = 0; i < layerCount_; ++i) {
    const bool sent = isSent(layers_[i]);
    if (layers_[i].active == sent) continue;
    layers_[i].active = sent;
    optionsAt_ = Timestamp::minusInfinity();
    ++layoutRevision_;
  }
}

void Source::onPacket(uint32_t ssrc, Timestamp now) {
  if (Stream* stream = findStream(ssrc)) stream->lastPacket = lastPacket_ = now;
}

ArrivedFrame Source::onFrame(const frame::FrameRef& frame, std::optional<rtp::NtpTime> captured,
                             Timestamp now) {
  ArrivedFrame arrived;
  arrived.frame = frame;
  arrived.captured = captured;
  arrived.spatial = spatialOf(*frame);
  arrived.temporal = temporalOf(*frame);
  arrived.temporalSwitch = frame->metadata.temporalSwitchingPoint || frame->codecInfo.layerSync;
  arrived.disposable = frame->metadata.discardable || frame->codecInfo.nonReference;
  arrived.startsStream = frame->metadata.keyFrame && arrived.spatial == 0;

  Stream& stream = streamOf(frame->ssrc);
  arrived.epoch = stream.epoch;
  arrived.startsPicture = stream.timestamp != frame->rtpTimestamp || stream.lastSpatial < 0 ||
                          arrived.spatial <= stream.lastSpatial;
  stream.timestamp = frame->rtpTimestamp;
  stream.lastSpatial = arrived.spatial;
  stream.lastPacket = stream.lastFrame = lastPacket_ = now;

  arrived.layer = layerOf(frame->ssrc, arrived.spatial, now);
  if (arrived.layer == noLayer) return arrived;
  if (frame->metadata.width != 0 && frame->metadata.height != 0) {
    setSize(arrived.layer, frame->metadata.width, frame->metadata.height);
  } else if (frame->codecInfo.scalabilityStructureSize != 0) {
    learnStructure(*frame, now);
  }
  Layer& layer = layers_[arrived.layer];
  const base::TimeDelta gap = now - layer.lastFrame;
  if (gap < layerTimeout)  // anything longer was a pause
    layer.interval = layer.interval == layerTimeout ? gap : layer.interval + (gap - layer.interval) / 8;
  layer.lastFrame = now;
  lastFrame_ = now;
  noteActivity();
  layer.rates[std::min<size_t>(arrived.temporal, maxTemporalLayers - 1)].add(wireSize(*frame), now);
  if (arrived.startsStream) keyFrames_.onKeyFrame(frame->ssrc);
  for (size_t i = 0; i < streamCount_; ++i) streams_[i].runUp.expire(now);
  stream.runUp.add(arrived, now);
  return arrived;
}

const RunUp& Source::runUp(uint32_t ssrc) const {
  static const RunUp none;
  const Stream* stream = findStream(ssrc);
  return stream == nullptr ? none : stream->runUp;
}

bool Source::knows(uint32_t ssrc) const {
  return std::any_of(layers_.begin(), layers_.begin() + static_cast<std::ptrdiff_t>(layerCount_),
                     [&](const Layer& layer) { return layer.ssrc == ssrc; });
}

void Source::onRejected(uint32_t ssrc) {
  Stream& stream = streamOf(ssrc);
  stream.epoch = ++epochs_;
  stream.runUp.clear();
}

void Source::onAllRejected() {
  for (size_t i = 0; i < streamCount_; ++i) {
    streams_[i].epoch = ++epochs_;
    streams_[i].runUp.clear();
  }
}

DataRate Source::rate(LayerIndex index, uint8_t maxTemporal, Timestamp now) const {
  const Layer& top = layers_[index];
  // Of a stream that waits for a key frame only packets come: it takes what it took before.
  const Stream* stream = findStream(top.ssrc);
  const bool broken = stream != nullptr && stream->lastPacket > stream->lastFrame + minLayerTimeout;
  const Timestamp at = broken ? std::min(now, stream->lastFrame) : now;
  DataRate total;
  for (size_t i = 0; i < layerCount_; ++i) {
    const Layer& layer = layers_[i];
    if (layer.ssrc != top.ssrc || layer.spatial > top.spatial) continue;
    for (size_t t = 0; t < maxTemporalLayers && t <= maxTemporal; ++t) total += layer.rates[t].rate(at);
  }
  return total;
}

void Source::addOptions(LayerIndex index, bool lowest, Timestamp now) {
  const Layer& layer = layers_[index];
  uint8_t top = 0;
  for (uint8_t t = 1; t < maxTemporalLayers; ++t) {
    if (!layer.rates[t].empty(now)) top = t;
  }
  auto add = [&](uint8_t maxTemporal) {
    options_[optionCount_++] = {index, maxTemporal, layer.width, layer.height, rate(index, maxTemporal, now)};
  };
  if (lowest && top >= 2) add(0);
  if (top >= 1) add(static_cast<uint8_t>(top - 1));
  add(allTemporalLayers);
}

std::span<const LayerOption> Source::options(Timestamp now) {
  // Every recipient asks: one measurement serves them all.
  if (now - optionsAt_ >= measureInterval) measure(now);
  return {options_.data(), optionCount_};
}

void Source::measure(Timestamp now) {
  optionsAt_ = now;
  std::array<LayerIndex, maxLayers> order;
  size_t count = 0;
  for (size_t i = 0; i < layerCount_; ++i) {
    if (layers_[i].pixels() != 0 && active(static_cast<LayerIndex>(i)))
      order[count++] = static_cast<LayerIndex>(i);
  }
  std::sort(order.begin(), order.begin() + count, [&](LayerIndex a, LayerIndex b) {
    return layers_[a].pixels() != layers_[b].pixels() ? layers_[a].pixels() < layers_[b].pixels() : a < b;
  });
  optionCount_ = 0;
  for (size_t i = 0; i < count; ++i) addOptions(order[i], i == 0, now);
}

LayerIndex Source::bestKnown(uint32_t maxHeight) const {
  LayerIndex best = noLayer;
  for (size_t i = 0; i < layerCount_; ++i) {
    const auto index = static_cast<LayerIndex>(i);
    if (layers_[i].lastFrame + rememberedFor < lastFrame_) continue;
    if (layers_[i].pixels() == 0 || (maxHeight != 0 && layers_[i].height > maxHeight)) continue;
    if (best == noLayer || isBelow(best, index)) best = index;
  }
  return best;
}

void Source::wantSizes(Timestamp now) {
  for (size_t i = 0; i < layerCount_; ++i) {
    const Layer& layer = layers_[i];
    if (layer.pixels() == 0 && active(static_cast<LayerIndex>(i)))
      keyFrames_.want(layer.ssrc, now, KeyFrameRequests::Need::Knowledge);
  }
}

std::span<const LayerOption> optionsWithin(std::span<const LayerOption> options, uint32_t maxHeight) {
  if (maxHeight == 0 || options.empty()) return options;
  size_t count = 0;
  while (count < options.size() && options[count].height <= maxHeight) ++count;
  if (count == 0) {
    while (count < options.size() && options[count].layer == options.front().layer) ++count;
  }
  return options.first(count);
}

}  // namespace sotto::forward
