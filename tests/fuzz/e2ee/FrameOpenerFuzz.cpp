// FrameOpener on hostile frames: nothing may open, crash, or leave anything in the output. Half of the inputs
// are mutations of a well-sealed frame, so that the fuzzer gets behind the trailer.
#include <cstdlib>

#include "client/native/e2ee/FrameOpener.hpp"
#include "client/native/e2ee/FrameSealer.hpp"

using namespace sotto;
using namespace sotto::client::e2ee;

namespace {

constexpr uint8_t key[32] = {1, 2, 3};

FrameOpener& opener() {
  static FrameOpener instance = [] {
    FrameOpener made;
    made.installKey({1, 0, 0}, frame::Suite::Duo, key);
    made.installKey({2, 0, 0}, frame::Suite::Aes128Gcm, key);
    made.installKey({3, 1, 7}, frame::Suite::Aes256Gcm, key);
    return made;
  }();
  return instance;
}

void mustNotOpen(base::ByteView sealed) {
  std::vector<uint8_t> out{42};
  if (opener().open(sealed, out) || out.size() != 1) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mustNotOpen({data, size});
  // The input as changes (position, XOR) to a frame that would open.
  FrameSealer sealer(frame::Suite::Duo, 7);
  sealer.installKey({1, 0, 0}, key);
  const std::vector<uint8_t> plain(64, 9);
  frame::FrameMetadata fields;
  fields.video = true;
  fields.clearLength = 3;
  std::vector<uint8_t> sealed;
  if (!sealer.seal(plain, fields, sealed)) std::abort();
  const std::vector<uint8_t> good = sealed;
  for (size_t i = 0; i + 1 < size; i += 2) {
    uint8_t& byte = sealed[data[i] % sealed.size()];
    byte = static_cast<uint8_t>(byte ^ data[i + 1]);
  }
  if (sealed != good) mustNotOpen(sealed);
  return 0;
}
