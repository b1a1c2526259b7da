// Holds this implementation against a file of known sealed frames, such as tests/vectors/sotto-frames.json.
#pragma once

#include <cstddef>
#include <string>

#include "media/base/Expected.hpp"

namespace sotto::client::e2ee {

struct FrameVectorReport {
  size_t frames = 0;
  size_t ratchetSteps = 0;
};

/// Seals and opens every entry of `frames`, and follows `ratchet` (`sk`, `step1`, `step2`, …) where there is
/// one. The error names the file, the first entry that does not match and the field in which it differs, or
/// what cannot be read in the file.
base::Expected<FrameVectorReport> checkFrameVectors(const std::string& path);

}  // namespace sotto::client::e2ee
