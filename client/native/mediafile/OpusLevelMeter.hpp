// How loud an Opus packet is, for the audio level that travels with it (RFC 6464).
#pragma once

#include <cstdint>
#include <memory>

#include "media/base/Bytes.hpp"

struct OpusDecoder;

namespace sotto::client::mediafile {

class OpusLevelMeter {
 public:
  /// Speech in a quiet room lies well above (a smaller number), room noise below.
  static constexpr uint8_t voiceThreshold = 60;

  /// `channels`: 1 or 2.
  explicit OpusLevelMeter(unsigned channels);

  /// Decodes the packet; 0 (overload) .. 127 (silence, or no Opus) in -dBov. Packets in the order of the
  /// stream.
  uint8_t level(base::ByteView packet);

 private:
  struct Deleter {
    void operator()(OpusDecoder* decoder) const;
  };
  unsigned channels_;
  std::unique_ptr<OpusDecoder, Deleter> decoder_;
};

}  // namespace sotto::client::mediafile
