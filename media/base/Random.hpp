// Randomness is handed in, so that a simulation repeats from its seed and a server uses the system's CSPRNG.
#pragma once

#include <cstdint>

#include "media/base/Bytes.hpp"

namespace sotto::base {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableByteView out) = 0;

  uint32_t u32() {
    uint8_t bytes[4];
    fill(bytes);
    return loadU32(bytes);
  }
  uint64_t u64() {
    uint8_t bytes[8];
    fill(bytes);
    return loadU64(bytes);
  }
};

/// The operating system's generator, through OpenSSL's RAND_bytes.
class SystemRandom final : public Random {
 public:
  void fill(MutableByteView out) override;
};

/// Repeatable numbers from a seed (SplitMix64): simulation and tests only, never for keys that matter.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void fill(MutableByteView out) override;

 private:
  uint64_t state_;
};

}  // namespace sotto::base
