// The replay window against a set that forgets nothing, and the guessing of packet indices.
#include <catch2/catch.hpp>
#include <set>

#include "media/base/Random.hpp"
#include "media/srtp/PacketIndex.hpp"
#include "media/srtp/ReplayWindow.hpp"
#include "media/srtp/SsrcTable.hpp"

using namespace sotto::srtp;

TEST_CASE("A replay window agrees with a set that forgets nothing") {
  static_assert(ReplayWindow::size >= 128);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    sotto::base::SeededRandom random(seed);
    ReplayWindow window;
    std::set<uint64_t> seen;
    uint64_t head = 5000;
    for (int step = 0; step < 5000; ++step) {
      const uint32_t choice = random.u32();
      if (choice % 100 == 0) head += choice >> 20;  // a burst of loss, sometimes beyond the window
      head += choice % 3;
      const uint64_t index = head - (choice >> 8) % 1500;
      const bool tooOld = !seen.empty() && index + ReplayWindow::size <= *seen.rbegin();
      const bool fresh = !tooOld && seen.count(index) == 0;
      if (window.accepts(index) != fresh) FAIL("index " << index << " at step " << step);
      if (fresh) {
        window.mark(index);
        seen.insert(index);
      }
    }
    CHECK(window.highest() == *seen.rbegin());
  }
}

TEST_CASE("A packet index is the one nearest to the highest seen") {
  CHECK(guessPacketIndex(100, 101) == 101);
  CHECK(guessPacketIndex(100, 99) == 99);
  CHECK(guessPacketIndex(100, 65535) == 65535);  // nothing comes before the first cycle
  CHECK(guessPacketIndex(65535, 0) == 0x1'0000);
  CHECK(guessPacketIndex(0x1'0002, 65535) == 65535);
  CHECK(guessPacketIndex(0x1'ffff, 3) == 0x2'0003);
  CHECK(guessPacketIndex(0x2'0003, 0xfff0) == 0x1'fff0);
  CHECK(guessPacketIndex(0x2'9000, 0x9001) == 0x2'9001);
  CHECK(guessPacketIndex(0x2'9000, 0x0001) == 0x3'0001);
}

TEST_CASE("An SSRC table keeps every state apart") {
  SsrcTable<uint32_t> table;
  sotto::base::SeededRandom random(3);
  std::set<uint32_t> keys{0};
  while (keys.size() < 1000)
    keys.insert(random.u32() % 2 == 0 ? random.u32() : static_cast<uint32_t>(keys.size()));
  for (uint32_t key : keys) CHECK(table.find(key) == nullptr);
  for (uint32_t key : keys) table.insert(key) = ~key;
  REQUIRE(table.size() == keys.size());
  for (uint32_t key : keys) {
    REQUIRE(table.find(key) != nullptr);
    if (*table.find(key) != ~key || table.insert(key) != ~key) FAIL("key " << key);
  }
  CHECK(table.size() == keys.size());
}
