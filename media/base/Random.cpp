#include "media/base/Random.hpp"

#include <openssl/rand.h>

#include <stdexcept>

namespace sotto::base {

void SystemRandom::fill(MutableByteView out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) {
    throw std::runtime_error("the system's random generator failed");
  }
}

void SeededRandom::fill(MutableByteView out) {
  size_t position = 0;
  while (position < out.size()) {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    for (int byte = 0; byte < 8 && position < out.size(); ++byte, z >>= 8) {
      out[position++] = static_cast<uint8_t>(z);
    }
  }
}

}  // namespace sotto::base
