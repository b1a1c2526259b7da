// Synthetic video and audio; see the header.
#include "client/native/mediafile/SyntheticSource.hpp"

#include <algorithm>
#include <array>

namespace sotto::client::mediafile {
namespace {

using base::TimeDelta;

struct Size {
  uint16_t height;
  int64_t bitsPerSecond;
};
// Rates at which such pictures go out in calls.
constexpr Size knownSizes[] = {{180, 150'000},   {270, 300'000},   {360, 500'000},
                               {540, 1'000'000}, {720, 1'700'000}, {1080, 3'500'000}};

int64_t rateOf(uint16_t height) {
  for (const Size& size : knownSizes) {
    if (size.height == height) return size.bitsPerSecond;
  }
  return 0;
}

// The temporal layer of each picture in the pattern, by number of layers.
constexpr std::array<std::array<uint8_t, 4>, 3> temporalPatterns{{{0, 0, 0, 0}, {0, 1, 0, 1}, {0, 2, 1, 2}}};
// How much larger than average a frame is, in percent: lower layers are predicted from further away.
constexpr std::array<std::array<int64_t, 3>, 3> temporalSizes{{{100, 0, 0}, {125, 75, 0}, {160, 120, 60}}};
constexpr int64_t keyFrameSize = 500;

class SyntheticVideo final : public MediaSource {
 public:
  explicit SyntheticVideo(const SyntheticVideoOptions& options) : options_(options) {
    options_.temporalLayers = std::clamp(options_.temporalLayers, 1u, 3u);
    options_.framesPerSecond = std::clamp(options_.framesPerSecond, 1u, 120u);
    constexpr size_t maxLayers = 3;
    for (uint16_t height = options.height; height >= 180 && layers_.size() < maxLayers;
         height = static_cast<uint16_t>(height / 2)) {
      layers_.push_back(
          {static_cast<uint16_t>(height * 16 / 9), height, base::DataRate::bitsPerSecond(rateOf(height))});
    }
    std::reverse(layers_.begin(), layers_.end());
    states_.resize(layers_.size());
  }

  frame::CodecType codec() const override { return frame::CodecType::Vp8; }
  std::span<const SourceLayer> layers() const override { return layers_; }
  TimeDelta nextDue() const override { return TimeDelta::seconds(1) * picture_ / options_.framesPerSecond; }

  SourceFrame next(int64_t wallClockUs) override {
    if (layer_ == 0) capturedUs_ = wallClockUs;  // the layers of one picture are captured together
    State& state = states_[layer_];
    SourceFrame frame;
    frame.due = nextDue();
    frame.layer = layer_;
    frame.width = layers_[layer_].width;
    frame.height = layers_[layer_].height;
    frame.keyFrame = state.keyFrameWanted || frame.due - state.lastKeyFrame >= options_.keyFrameInterval;
    if (frame.keyFrame) state = {false, frame.due, 0};
    frame.temporalIndex = temporalPatterns[options_.temporalLayers - 1][state.patternPosition % 4];
    // Each upper frame is predicted from lower layers only, and nothing is predicted from the uppermost.
    frame.temporalSwitchingPoint = frame.temporalIndex > 0;
    frame.discardable = frame.temporalIndex > 0 && frame.temporalIndex + 1u == options_.temporalLayers;
    build(frame);
    frame.payload = buffer_;
    ++state.patternPosition;
    layer_ = (layer_ + 1) % layers_.size();
    if (layer_ == 0) ++picture_;
    return frame;
  }

  void requestKeyFrame(size_t layer) override {
    if (layer < states_.size()) states_[layer].keyFrameWanted = true;
  }

 private:
  struct State {
    bool keyFrameWanted = true;
    TimeDelta lastKeyFrame;
    uint32_t patternPosition = 0;
  };

  size_t frameSize(const SourceFrame& frame) const {
    const int64_t average = layers_[frame.layer].rate.bps() / 8 / options_.framesPerSecond;
    const int64_t percent =
        frame.keyFrame ? keyFrameSize : temporalSizes[options_.temporalLayers - 1][frame.temporalIndex];
    // Spread of +-25 % that follows from the picture's number, so that sizes repeat from the seed.
    const int64_t spread = static_cast<int64_t>((picture_ * 2'654'435'761u + options_.seed) >> 7 & 0xff);
    return static_cast<size_t>(average * percent / 100 * (384 + spread) / 512);
  }

  void build(const SourceFrame& frame) {
    const size_t headerSize = frame.keyFrame ? 10 : 3;
    buffer_.resize(std::max(frameSize(frame), headerSize + syntheticProofSize));
    // RFC 6386 section 9.1: inverse key frame bit, version 0, shown, size of the first partition.
    constexpr size_t maxPartition = (1u << 19) - 1;
    const size_t partition = std::min(buffer_.size() - headerSize, maxPartition);
    const uint32_t tag = (frame.keyFrame ? 0u : 1u) | 1u << 4 | static_cast<uint32_t>(partition) << 5;
    for (size_t i = 0; i < 3; ++i) buffer_[i] = static_cast<uint8_t>(tag >> 8 * i);
    if (frame.keyFrame) {
      const std::array<uint8_t, 7> start{0x9d,
                                         0x01,
                                         0x2a,
                                         static_cast<uint8_t>(frame.width),
                                         static_cast<uint8_t>(frame.width >> 8),
                                         static_cast<uint8_t>(frame.height),
                                         static_cast<uint8_t>(frame.height >> 8)};
      std::copy(start.begin(), start.end(), buffer_.begin() + 3);
    }
    writeSynthetic({options_.seed, picture_, static_cast<uint8_t>(frame.layer), frame.temporalIndex,
                    frame.keyFrame, capturedUs_},
                   headerSize, buffer_);
  }

  SyntheticVideoOptions options_;
  std::vector<SourceLayer> layers_;
  std::vector<State> states_;
  std::vector<uint8_t> buffer_;
  uint32_t picture_ = 0;
  size_t layer_ = 0;
  int64_t capturedUs_ = 0;
};

class SyntheticAudio final : public MediaSource {
 public:
  SyntheticAudio(uint32_t seed, bool speaking) : seed_(seed), speaking_(speaking) {}

  frame::CodecType codec() const override { return frame::CodecType::Opus; }
  std::span<const SourceLayer> layers() const override { return {}; }
  TimeDelta nextDue() const override { return TimeDelta::millis(20) * packet_; }

  SourceFrame next(int64_t wallClockUs) override {
    SourceFrame frame;
    frame.due = nextDue();
    frame.audioLevel = speaking_ ? 25 : 127;
    frame.voiceActivity = speaking_;
    constexpr size_t packetSize = 64'000 / 8 / 50;
    buffer_.resize(packetSize);
    // RFC 6716 section 3.1: CELT fullband, 20 ms, mono, one frame.
    buffer_[0] = 31 << 3;
    writeSynthetic({seed_, packet_++, 0, 0, false, wallClockUs}, 1, buffer_);
    frame.payload = buffer_;
    return frame;
  }
  void requestKeyFrame(size_t /*layer*/) override {}

 private:
  uint32_t seed_;
  bool speaking_;
  uint32_t packet_ = 0;
  std::vector<uint8_t> buffer_;
};

}  // namespace

std::unique_ptr<MediaSource> makeSyntheticVideo(const SyntheticVideoOptions& options) {
  return std::make_unique<SyntheticVideo>(options);
}

std::unique_ptr<MediaSource> makeSyntheticAudio(uint32_t seed, bool speaking) {
  return std::make_unique<SyntheticAudio>(seed, speaking);
}

base::Expected<SyntheticVideoOptions> parseSyntheticName(const std::string& name) {
  SyntheticVideoOptions options;
  for (const uint16_t height : {uint16_t{180}, uint16_t{360}, uint16_t{720}, uint16_t{1080}}) {
    if (name != std::to_string(height) + "p") continue;
    options.height = height;
    return options;
  }
  return base::fail("\"" + name + "\" is no synthetic picture size, expected 180p, 360p, 720p or 1080p");
}

}  // namespace sotto::client::mediafile
