// A directory that lies: parts of bundles out of the input, and mutations of a good one. A session begins
// only with what the identity has signed.
#include <algorithm>
#include <cstdlib>

#include "client/native/e2ee/signal/DeviceStore.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;

namespace {

struct World {
  base::SeededRandom random{1};
  DeviceStore alice = DeviceStore::create({"alice", "a"}, random, 0);
  DeviceStore bob = DeviceStore::create({"bob", "b"}, random, 0);
  PublicKey::Wire identity = bob.keys().identity().publicKey.serialize();
  PublicKey::Wire signedPreKey = bob.keys().signedPreKey().key.serialize();
  Signature signature = bob.keys().signedPreKey().signature;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  if (size < 2) return 0;
  const base::ByteView input(data + 2, size - 2);
  PreKeyBundle::Parts parts{1, world.identity, 1, world.signedPreKey, world.signature, std::nullopt, {}};
  std::vector<uint8_t> identity(world.identity.begin(), world.identity.end());
  std::vector<uint8_t> signedPreKey(world.signedPreKey.begin(), world.signedPreKey.end());
  std::vector<uint8_t> signature(world.signature.begin(), world.signature.end());
  // Which part the input replaces, or changes by XOR.
  std::vector<uint8_t>* const targets[] = {&identity, &signedPreKey, &signature};
  std::vector<uint8_t>& target = *targets[data[0] % 3];
  if ((data[1] & 1) != 0) {
    target.assign(input.begin(), input.end());
  } else {
    for (size_t i = 0; i + 1 < input.size(); i += 2) {
      uint8_t& byte = target[input[i] % target.size()];
      byte = static_cast<uint8_t>(byte ^ input[i + 1]);
    }
  }
  parts.identityKey = identity;
  parts.signedPreKey = signedPreKey;
  parts.signature = signature;
  if ((data[1] & 2) != 0) {
    parts.preKeyId = 5;
    parts.preKey = input;
  }
  const auto bundle = PreKeyBundle::fromParts(parts);
  if (!bundle) return 0;
  const bool untouched = std::ranges::equal(identity, world.identity) &&
                         std::ranges::equal(signedPreKey, world.signedPreKey) &&
                         std::ranges::equal(signature, world.signature);
  if (!untouched) std::abort();
  DeviceStore alice = world.alice;
  const uint64_t revision = alice.revision();
  const auto begun = alice.begin(world.bob.self(), *bundle, world.random);
  if (begun.has_value() != (alice.revision() != revision)) std::abort();
  if (begun.has_value() != alice.hasSession(world.bob.self())) std::abort();
  return 0;
}
