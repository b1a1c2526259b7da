// Who plays in which slot: loudest voices, latest speakers, and what the server is told of it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/unit/room/TestCall.hpp"

using namespace sotto;
using namespace sotto::test;
using base::TimeDelta;
using base::Timestamp;
using control::MediaKind;

namespace {

/// Everyone publishes a voice and a camera and has `audioSlots` and `videoSlots`.
struct Party {
  TestCall call;
  std::vector<ScriptedPeer*> guests;
  std::vector<std::unique_ptr<SimulcastCamera>> cameras;
  std::map<const ScriptedPeer*, uint8_t> level;
  Timestamp nextAudio = Timestamp::minusInfinity();

  Party(int count, int audioSlots, int videoSlots, uint32_t speakers)
      : call(control::E2eePolicy::Required, speakers) {
    call.onStep = [this] {
      for (auto& camera : cameras) camera->step(call.now);
      if (call.now < nextAudio) return;
      nextAudio = call.now + TimeDelta::millis(20);
      for (ScriptedPeer* guest : guests) {
        if (guest->connected()) guest->sendAudio("0", level[guest], call.now);
      }
    };
    for (int i = 0; i < count; ++i) add("guest" + std::to_string(i), audioSlots, videoSlots);
  }
  ScriptedPeer& add(const std::string& name, int audioSlots, int videoSlots) {
    ScriptedPeer& guest = call.make(name);
    guest.addAudioTrack("0");
    guest.addVideoTrack("1", {});
    for (int i = 0; i < audioSlots; ++i) guest.addSlot("a" + std::to_string(i), MediaKind::Audio);
    for (int i = 0; i < videoSlots; ++i) guest.addSlot("v" + std::to_string(i), MediaKind::Video);
    level[&guest] = 127;
    call.join(guest);
    guests.push_back(&guest);
    cameras.push_back(
        std::make_unique<SimulcastCamera>(guest, "1", std::vector<SimulcastCamera::Layer>{{320, 180, 300}}));
    return guest;
  }
  void autoSlots(ScriptedPeer& guest, int count) {
    std::vector<control::SlotWish> wishes;
    for (int i = 0; i < count; ++i) {
      control::SlotWish wish;
      wish.mid = "v" + std::to_string(i);
      wish.mode = control::SlotWish::Mode::Auto;
      wishes.push_back(wish);
    }
    call.wish(guest, wishes);
  }
  /// What the server was told last of each slot of that guest.
  std::map<std::string, std::string> bindings(const ScriptedPeer& guest) const {
    std::map<std::string, std::string> bound;
    for (const auto& event : call.eventsOf<control::SlotsBound>()) {
      if (event.endpoint != guest.name) continue;
      for (const auto& binding : event.bindings) bound[binding.mid] = binding.participant;
    }
    return bound;
  }
  std::set<std::string> heardBy(const ScriptedPeer& guest) const {
    std::set<std::string> names;
    for (const auto& [mid, name] : bindings(guest)) {
      if (mid[0] == 'a' && !name.empty()) names.insert(name);
    }
    return names;
  }
};

uint16_t senderOf(const GotFrame& frame) {
  return frame.metadata.sender();
}

}  // namespace

TEST_CASE("With room for all, every voice reaches everyone but its owner") {
  Party party(4, 4, 0, 5);
  party.call.run(TimeDelta::millis(500));
  for (const ScriptedPeer* guest : party.guests) {
    const auto heard = party.heardBy(*guest);
    CHECK(heard.size() == 3);
    CHECK(heard.count(guest->name) == 0);
  }
}

TEST_CASE("With more voices than are forwarded, a new speaker is heard from the first loud packet on") {
  Party party(6, 4, 0, 2);
  party.call.run(TimeDelta::seconds(2));
  ScriptedPeer& listener = *party.guests[0];
  CHECK(party.heardBy(listener).size() == 2);
  for (int speaker : {5, 4, 3, 5}) {
    INFO("speaker " << speaker);
    std::map<std::string, size_t> before;
    for (const char* mid : {"a0", "a1", "a2", "a3"}) before[mid] = listener.slot(mid).frames.size();
    party.level[party.guests[static_cast<size_t>(speaker)]] = 30;
    party.call.run(TimeDelta::millis(400));
    size_t heard = 0;
    for (const auto& [mid, count] : before) {
      const auto& frames = listener.slot(mid).frames;
      heard += static_cast<size_t>(
          std::count_if(frames.begin() + static_cast<std::ptrdiff_t>(count), frames.end(),
                        [&](const GotFrame& frame) { return senderOf(frame) == speaker + 1; }));
    }
    // 20 packets in 400 ms: not one is missing but what is still under way.
    CHECK(heard >= 19);
    CHECK(party.heardBy(listener).size() <= 2);
    party.level[party.guests[static_cast<size_t>(speaker)]] = 127;
    party.call.run(TimeDelta::seconds(2));
  }
  for (const char* mid : {"a0", "a1"}) {
    const auto& sequences = listener.slot(mid).sequences;
    for (size_t i = 1; i < sequences.size(); ++i) {
      REQUIRE(static_cast<uint16_t>(sequences[i] - sequences[i - 1]) == 1);
    }
  }
}

TEST_CASE("Whoever speaks is told, loudest first, and the end of it too") {
  Party party(3, 2, 0, 5);
  party.level[party.guests[1]] = 40;
  party.level[party.guests[2]] = 20;
  party.call.run(TimeDelta::seconds(1));
  auto events = party.call.eventsOf<control::SpeakersChanged>();
  REQUIRE(!events.empty());
  REQUIRE(events.back().speakers.size() == 2);
  CHECK(events.back().speakers[0].endpoint == "guest2");
  CHECK(events.back().speakers[1].endpoint == "guest1");
  party.level[party.guests[1]] = party.level[party.guests[2]] = 127;
  party.call.run(TimeDelta::seconds(2));
  events = party.call.eventsOf<control::SpeakersChanged>();
  CHECK(events.back().speakers.empty());
}

TEST_CASE("Auto slots show the latest speakers, never oneself, and keep their places") {
  Party party(5, 0, 2, 5);
  ScriptedPeer& viewer = *party.guests[0];
  party.autoSlots(viewer, 2);
  party.call.run(TimeDelta::seconds(1));
  for (const auto& [mid, name] : party.bindings(viewer)) CHECK(name != viewer.name);

  party.level[party.guests[4]] = 25;
  party.call.run(TimeDelta::seconds(1));
  party.level[party.guests[4]] = 127;
  auto shown = party.bindings(viewer);
  CHECK((shown["v0"] == "guest4" || shown["v1"] == "guest4"));
  party.level[party.guests[3]] = 25;
  party.call.run(TimeDelta::seconds(2));
  const auto later = party.bindings(viewer);
  std::set<std::string> names{later.at("v0"), later.at("v1")};
  CHECK(names == std::set<std::string>{"guest3", "guest4"});
  for (const char* mid : {"v0", "v1"}) {
    if (shown[mid] == "guest4") CHECK(later.at(mid) == "guest4");
  }
  // Oneself speaking changes nothing.
  party.level[&viewer] = 10;
  party.call.run(TimeDelta::seconds(2));
  CHECK(party.bindings(viewer) == later);
}

TEST_CASE("A slot goes over to another participant at that one's key frame, and the server is told then") {
  Party party(3, 0, 1, 5);
  ScriptedPeer& viewer = *party.guests[0];
  party.call.wish(viewer, {party.call.want("v0", *party.guests[1])});
  party.call.run(TimeDelta::seconds(1));
  CHECK(party.bindings(viewer).at("v0") == "guest1");
  auto& slot = viewer.slot("v0");
  REQUIRE(!slot.frames.empty());
  CHECK(senderOf(slot.frames.back()) == 2);

  const size_t before = slot.frames.size();
  party.call.wish(viewer, {party.call.want("v0", *party.guests[2])});
  CHECK(party.bindings(viewer).at("v0") == "guest1");
  party.call.run(TimeDelta::seconds(1));
  CHECK(party.bindings(viewer).at("v0") == "guest2");
  CHECK(senderOf(slot.frames.back()) == 3);
  bool over = false;
  for (size_t i = before; i < slot.frames.size(); ++i) {
    if (senderOf(slot.frames[i]) == 3 && !over) {
      CHECK(slot.frames[i].metadata.keyFrame);
      over = true;
    }
    CHECK((senderOf(slot.frames[i]) == 3) == over);
  }
  CHECK(slot.undecodable() == 0);
  CHECK(slot.gaps == 0);
}

TEST_CASE("Who leaves is gone from every slot at once, and others take the place") {
  Party party(4, 3, 2, 5);
  ScriptedPeer& viewer = *party.guests[0];
  party.autoSlots(viewer, 2);
  party.call.run(TimeDelta::seconds(1));
  const std::string gone = party.bindings(viewer).at("v0");
  ScriptedPeer* leaver = nullptr;
  for (ScriptedPeer* guest : party.guests) {
    if (guest->name == gone) leaver = guest;
  }
  REQUIRE(leaver != nullptr);
  party.call.leave(*leaver);
  for (const auto& [mid, name] : party.bindings(viewer)) {
    INFO(mid);
    CHECK(name != gone);
  }
  party.call.run(TimeDelta::seconds(1));
  CHECK(party.bindings(viewer).at("v0") != "");
  CHECK(party.heardBy(viewer).size() == 2);
  CHECK(party.call.counter("endpoints") == 3);
}

TEST_CASE("A muted camera is not shown in auto slots") {
  Party party(3, 0, 2, 5);
  ScriptedPeer& viewer = *party.guests[0];
  party.autoSlots(viewer, 2);
  party.call.run(TimeDelta::millis(500));
  REQUIRE(party.call.request(control::SetTrackMuted{"room", "guest1", "1", true}).error == "");
  const auto shown = party.bindings(viewer);
  CHECK(shown.at("v0") != "guest1");
  CHECK(shown.at("v1") != "guest1");
}
