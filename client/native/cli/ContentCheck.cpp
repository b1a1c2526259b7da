// Verifying synthetic frames; see the header.
#include "client/native/cli/ContentCheck.hpp"

#include <algorithm>
#include <cmath>

#include "client/native/mediafile/SyntheticProof.hpp"

namespace sotto::client::cli {
namespace {

constexpr int64_t binMicros = 100;
constexpr size_t binCount = 50'000;

}  // namespace

LatencyHistogram::LatencyHistogram() : bins_(binCount + 1) {}

void LatencyHistogram::add(int64_t micros) {
  if (micros < 0) {
    ++negative_;
    return;
  }
  ++count_;
  ++bins_[std::min(static_cast<size_t>(micros / binMicros), binCount)];
  max_ = std::max(max_, micros);
}

double LatencyHistogram::percentileMs(double share) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t bin = 0; bin < binCount; ++bin) {
    seen += bins_[bin];
    if (seen >= wanted) return static_cast<double>((static_cast<int64_t>(bin) + 1) * binMicros) / 1e3;
  }
  return maxMs();
}

void ContentCheck::onFrame(const call::RemoteFrame& frame, int64_t wallClockUs) {
  if (!mediafile::looksSynthetic(frame.codec, frame.data)) {
    // A stream that was synthetic so far does not turn into something else.
    if (verified_ > 0) ++damaged_;
    return;
  }
  const auto proof = mediafile::checkSynthetic(frame.codec, frame.data);
  if (!proof) {
    ++damaged_;
    return;
  }
  ++verified_;
  latency_.add(wallClockUs - proof->capturedUs);
}

}  // namespace sotto::client::cli
