// A device that gets mutations of good messages, and the input itself as a message: nothing but the good ones
// opens, and a refusal changes not a bit of what it keeps.
#include <algorithm>
#include <cstdlib>

#include "client/native/e2ee/signal/DeviceStore.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;

namespace {

class NoStorage final : public DeviceStorage {
 protected:
  base::Expected<void> write(base::ByteView) override { return {}; }
};

struct World {
  base::SeededRandom random{1};
  DeviceStore alice = DeviceStore::create({"alice", "a"}, random, 0);
  DeviceStore bob = DeviceStore::create({"bob", "b"}, random, 0);
  std::vector<CiphertextMessage> messages;

  CiphertextMessage seal(DeviceStore& from, const DeviceStore& to) {
    const std::vector<uint8_t> plain(20, 7);
    auto pending = from.encrypt(to.self(), plain).value();
    return std::move(pending).release(NoStorage().save(from).value()).value();
  }
  void open(DeviceStore& to, const DeviceStore& from, const CiphertextMessage& message) {
    if (!to.decrypt(from.self(), message.type, message.body, random)) std::abort();
  }

  World() {
    NoStorage storage;
    const auto made = bob.createOneTimePreKeys(2, random).release(storage.save(bob).value());
    if (!alice.begin(bob.self(),
                     {1, bob.keys().identity().publicKey, bob.keys().signedPreKey(), made->front()},
                     random)) {
      std::abort();
    }
    const CiphertextMessage first = seal(alice, bob);
    const CiphertextMessage early = seal(alice, bob);
    open(bob, alice, first);
    open(alice, bob, seal(bob, alice));
    messages = {early, seal(alice, bob), seal(alice, bob)};
    open(bob, alice, seal(alice, bob));
  }
};

std::vector<uint8_t> stateOf(const DeviceStore& store) {
  const auto state = store.serialize();
  return {state.view().begin(), state.view().end()};
}

/// Whether it opened; Bob is put back either way.
bool tryOpen(World& world, const std::vector<uint8_t>& before, const CiphertextMessage& message) {
  const auto opened = world.bob.decrypt(world.alice.self(), message.type, message.body, world.random);
  if (!opened && stateOf(world.bob) != before) std::abort();
  if (opened) world.bob = DeviceStore::deserialize(before).value();
  return opened.has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  static const std::vector<uint8_t> before = stateOf(world.bob);
  for (const auto type : {CiphertextMessage::Type::PreKey, CiphertextMessage::Type::Signal}) {
    const bool opened = tryOpen(world, before, {type, {data, data + size}});
    if (opened && type == CiphertextMessage::Type::Signal) {
      // Only what Alice has sealed can do that.
      const bool known = std::ranges::any_of(world.messages, [&](const CiphertextMessage& message) {
        return std::ranges::equal(message.body, base::ByteView(data, size));
      });
      if (!known) std::abort();
    }
  }
  if (size == 0) return 0;
  // The rest of the input as changes (position, XOR) to one of the good messages.
  CiphertextMessage message = world.messages[data[0] % world.messages.size()];
  const std::vector<uint8_t> good = message.body;
  for (size_t i = 1; i + 1 < size; i += 2) {
    uint8_t& byte = message.body[data[i] % message.body.size()];
    byte = static_cast<uint8_t>(byte ^ data[i + 1]);
  }
  const bool opened = tryOpen(world, before, message);
  if (message.body == good && !opened) std::abort();
  // A first message has parts that no MAC covers; a ratchet message has none.
  if (message.body != good && opened && message.type == CiphertextMessage::Type::Signal) std::abort();
  return 0;
}
