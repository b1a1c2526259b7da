// The store file: nothing opens that was not sealed under the key, and what was opens as it was.
#include <algorithm>
#include <cstdlib>

#include "client/native/e2ee/store/SealedState.hpp"

using namespace sotto;
using namespace sotto::e2ee::store;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView input(data, size);
  const std::vector<uint8_t> key(sealKeySize, 9);
  if (const auto header = readSealHeader(input); header && header->cost.kibibytes > 1u << 20) std::abort();
  if (openState(input, key)) std::abort();

  base::SeededRandom random(size);
  std::vector<uint8_t> sealed = sealState({}, key, input, random);
  const auto opened = openState(sealed, key);
  if (!readSealHeader(sealed) || !opened || !opened->equals(input)) std::abort();
  // The input once more, as changes (position, XOR) to what it was sealed to.
  const std::vector<uint8_t> good = sealed;
  for (size_t i = 0; i + 1 < size; i += 2) {
    uint8_t& byte = sealed[data[i] % sealed.size()];
    byte = static_cast<uint8_t>(byte ^ data[i + 1]);
  }
  if (sealed != good && openState(sealed, key)) std::abort();
  return 0;
}
