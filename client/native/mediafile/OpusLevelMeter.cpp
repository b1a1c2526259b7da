// The loudness of Opus packets by libopus; see the header.
#include "client/native/mediafile/OpusLevelMeter.hpp"

#include <opus/opus.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace sotto::client::mediafile {
namespace {

// The lowest rate that libopus decodes to: loudness needs no more.
constexpr int sampleRate = 8'000;
constexpr size_t maxSamples = sampleRate * 120 / 1'000;

}  // namespace

void OpusLevelMeter::Deleter::operator()(OpusDecoder* decoder) const {
  opus_decoder_destroy(decoder);
}

OpusLevelMeter::OpusLevelMeter(unsigned channels) : channels_(std::clamp(channels, 1u, 2u)) {
  int error = 0;
  decoder_.reset(opus_decoder_create(sampleRate, static_cast<int>(channels_), &error));
  if (!decoder_) throw std::runtime_error("libopus offers no decoder");
}

uint8_t OpusLevelMeter::level(base::ByteView packet) {
  constexpr uint8_t silence = 127;
  std::array<int16_t, maxSamples * 2> samples{};
  const int count = opus_decode(decoder_.get(), packet.data(), static_cast<opus_int32>(packet.size()),
                                samples.data(), static_cast<int>(maxSamples), 0);
  if (count <= 0) return silence;
  const size_t total = static_cast<size_t>(count) * channels_;
  double energy = 0;
  for (size_t i = 0; i < total; ++i) energy += static_cast<double>(samples[i]) * samples[i];
  const double rms = std::sqrt(energy / static_cast<double>(total)) / 32'768.0;
  if (rms <= 0) return silence;
  return static_cast<uint8_t>(std::clamp(-20.0 * std::log10(rms), 0.0, 127.0));
}

}  // namespace sotto::client::mediafile
