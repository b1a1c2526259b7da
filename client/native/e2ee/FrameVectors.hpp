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

struct FrameVectorFault {
  enum class Kind {
    File,     ///< cannot be read, or is no file of known sealed frames
    Mismatch  ///< an entry is not what this implementation makes of it, or lacks what it must have
  };
  Kind kind = Kind::File;
  std::string message;
};

/// Seals and opens every entry of `frames`, and follows `ratchet` (`sk`, `step1`, `step2`, …) where there is
/// one. The error names the file, the first entry that does not match and the field in which it differs, or
/// what cannot be read in the file.
tl::expected<FrameVectorReport, FrameVectorFault> checkFrameVectors(const std::string& path);

}  // namespace sotto::client::e2ee
