// Forwarding allocates nothing once warm: operator new is counted while the media core works.
#include <catch2/catch.hpp>

#include "tests/support/AllocationCount.hpp"
#include "tests/unit/room/TestCall.hpp"

using namespace sotto;
using namespace sotto::test;
using base::TimeDelta;
using control::MediaKind;

TEST_CASE("The counter sees an allocation") {
  const size_t before = allocationCount;
  // Called by name: a new-expression could be optimised away.
  void* memory = ::operator new(8);
  CHECK(allocationCount == before + 1);
  ::operator delete(memory);
}

TEST_CASE("Forwarding audio and simulcast video to three recipients allocates nothing once warm") {
  TestCall call;
  ScriptedPeer& alice = call.make("alice");
  alice.addAudioTrack("0");
  alice.addVideoTrack("1", {"q", "h", "f"});
  call.join(alice);
  std::vector<ScriptedPeer*> viewers;
  for (const char* name : {"bob", "carol", "dave"}) {
    ScriptedPeer& viewer = call.make(name);
    viewer.addSlot("a", MediaKind::Audio);
    viewer.addSlot("v", MediaKind::Video);
    viewer.recordFrames = false;
    call.join(viewer);
    viewers.push_back(&viewer);
    call.wish(viewer, {call.want("v", alice, viewers.size() == 1 ? 180 : 720)});
  }
  SimulcastCamera camera(alice, "1", {{320, 180, 400}, {640, 360, 1'500}, {1'280, 720, 4'000}});
  camera.record = false;
  base::Timestamp nextAudio = call.now;
  call.onStep = [&] {
    camera.step(call.now);
    if (call.now < nextAudio) return;
    nextAudio = call.now + TimeDelta::millis(20);
    alice.sendAudio("0", 30, call.now);
  };
  call.run(TimeDelta::seconds(5));

  const uint64_t forwarded = call.counter("frames_forwarded_total");
  // What the scripted peers allocate on the way does not count.
  size_t before = 0;
  size_t allocations = 0;
  call.aroundCore = [&](bool entering) {
    if (entering) before = allocationCount;
    if (!entering) allocations += allocationCount - before;
  };
  call.run(TimeDelta::seconds(5));
  call.aroundCore = nullptr;
  CHECK(allocations == 0);
  CHECK(call.counter("frames_forwarded_total") > forwarded + 3 * 5 * 75);
}
