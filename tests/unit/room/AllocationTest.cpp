// Forwarding allocates nothing once warm: operator new is counted while the media core works.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "tests/unit/room/TestCall.hpp"

namespace {
bool counting = false;
uint64_t allocations = 0;

void* allocate(size_t size) {
  if (counting) ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(size_t size) {
  return allocate(size);
}
void* operator new[](size_t size) {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}

using namespace sotto;
using namespace sotto::test;
using base::TimeDelta;
using control::MediaKind;

TEST_CASE("The counter sees an allocation") {
  counting = true;
  // Called by name: a new-expression could be optimised away.
  void* memory = ::operator new(8);
  counting = false;
  CHECK(allocations == 1);
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
  allocations = 0;
  call.aroundCore = [](bool entering) { counting = entering; };
  call.run(TimeDelta::seconds(5));
  call.aroundCore = nullptr;
  CHECK(allocations == 0);
  CHECK(call.counter("frames_forwarded_total") > forwarded + 3 * 5 * 75);
}
