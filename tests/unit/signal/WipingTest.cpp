// Keys are gone from memory when what held them is.
#include <algorithm>
#include <catch2/catch.hpp>
#include <new>

#include "tests/unit/signal/SignalTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;
using namespace sotto::e2ee::signal::test;

namespace {

/// Makes a T in memory of ours, ends it, and says whether `secret` can still be read there.
template <typename T>
bool leavesBehind(const T& original, base::ByteView secret) {
  alignas(T) static uint8_t memory[sizeof(T)];
  std::fill(std::begin(memory), std::end(memory), uint8_t{0});
  T* made = new (memory) T(original);
  const auto holds = [&] {
    // Read through volatile, so that no compiler decides what an ended object holds.
    Bytes seen;
    for (const volatile uint8_t& byte : memory) seen.push_back(uint8_t{byte});
    return !std::ranges::search(seen, secret).empty();
  };
  REQUIRE(holds());
  made->~T();
  return holds();
}

}  // namespace

TEST_CASE("secrets, private keys and message keys leave nothing in memory") {
  const Bytes bytes = fromHex("58a1b2c3d4e5f60718293a4b5c6d7e8f9001122334455667788990aabbccdd5e");
  const Secret32 secret{base::ByteView(bytes)};
  CHECK(!leavesBehind(secret, bytes));
  const PrivateKey key = PrivateKey::fromBytes(bytes);
  CHECK(!leavesBehind(key, bytes));
  CHECK(!leavesBehind(KeyPair::of(key), bytes));
  const ChainKey chain{secret, 5};
  CHECK(!leavesBehind(chain, bytes));
  const MessageKeys keys = MessageKeys::derive(secret);
  CHECK(!leavesBehind(keys, keys.macKey.view()));
}
