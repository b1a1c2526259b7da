// What the server asks of a media core, right and wrong, and the life of an endpoint.
#include <catch2/catch.hpp>

#include "tests/unit/room/TestCall.hpp"

using namespace sotto;
using namespace sotto::test;
using base::TimeDelta;
using base::Timestamp;
using control::EndpointState;
using control::MediaKind;

namespace {
std::vector<control::EndpointStateChanged> statesOf(const TestCall& call, const std::string& endpoint) {
  std::vector<control::EndpointStateChanged> states;
  for (const auto& event : call.eventsOf<control::EndpointStateChanged>()) {
    if (event.endpoint == endpoint) states.push_back(event);
  }
  return states;
}
}  // namespace

TEST_CASE("Requests about what is not there are answered with a sentence that names it") {
  TestCall call;
  CHECK(call.request(control::CloseRoom{"nowhere"}).error == "no room 'nowhere'");
  CHECK(call.request(control::CreateRoom{"room"}).error == "room 'room' is there already");
  CHECK(call.request(control::RemoveEndpoint{"room", "ghost"}).error == "no endpoint 'ghost' in room 'room'");
  CHECK(call.request(control::SetRateCap{"room", "ghost", 1}).error == "no endpoint 'ghost' in room 'room'");
  ScriptedPeer& bob = call.make("bob");
  bob.addVideoTrack("1", {});
  bob.addSlot("v", MediaKind::Video);
  REQUIRE(call.request(control::CreateEndpoint{bob.parameters}).error == "");
  CHECK(call.request(control::CreateEndpoint{bob.parameters}).error ==
        "endpoint 'bob' is in room 'room' already");
  CHECK(call.request(control::SetSlotWishes{"room", "bob", {call.want("x", bob)}}).error ==
        "no video slot has the mid 'x'");
  CHECK(call.request(control::SetTrackMuted{"room", "bob", "x", true}).error == "no track has the mid 'x'");
}

TEST_CASE("Parameters that cannot be are refused") {
  TestCall call;
  ScriptedPeer& bob = call.make("bob");
  bob.addAudioTrack("0");
  bob.addSlot("v", MediaKind::Video);
  bob.addSlot("w", MediaKind::Video);
  auto refused = [&](const std::function<void(control::EndpointParameters&)>& spoil) {
    control::EndpointParameters parameters = bob.parameters;
    spoil(parameters);
    return call.request(control::CreateEndpoint{parameters}).error;
  };
  CHECK(refused([](auto& p) { p.sender = 0; }) != "");
  CHECK(refused([](auto& p) { p.endpoint.clear(); }) != "");
  CHECK(refused([](auto& p) { p.ice.localUfrag.clear(); }) != "");
  CHECK(refused([](auto& p) { p.fingerprint.value.clear(); }) != "");
  CHECK(refused([](auto& p) { p.slots[0].ssrc = 0; }) != "");
  CHECK(refused([](auto& p) { p.slots[1].ssrc = p.slots[0].rtxSsrc; }) != "");
  CHECK(refused([](auto& p) { p.slots[1].mid = "0"; }) != "");
  CHECK(refused([](auto& p) { p.tracks[0].codecs.clear(); }) != "");
  CHECK(refused([](auto& p) { p.tracks[0].codecs[0].payloadType = 200; }) != "");
  CHECK(refused([](auto&) {}) == "");
  ScriptedPeer& carol = call.make("carol");
  carol.parameters.ice.localUfrag = bob.parameters.ice.localUfrag;
  CHECK(call.request(control::CreateEndpoint{carol.parameters}).error == "the local ICE fragment is in use");
}

TEST_CASE("An endpoint is connected when ICE and DTLS are up, and failed when consent is lost") {
  TestCall call;
  ScriptedPeer& bob = call.make("bob");
  bob.addSlot("v", MediaKind::Video);
  call.join(bob);
  auto states = statesOf(call, "bob");
  REQUIRE(states.size() == 1);
  CHECK(states[0].state == EndpointState::Connected);
  CHECK(states[0].reason.empty());
  bob.stop();
  call.run(TimeDelta::seconds(32));
  states = statesOf(call, "bob");
  REQUIRE(states.size() == 2);
  CHECK(states[1].state == EndpointState::Failed);
  CHECK(!states[1].reason.empty());
  CHECK(call.counter("consents_lost_total") == 1);
}

TEST_CASE("An endpoint that never connects fails after half a minute") {
  TestCall call;
  ScriptedPeer& bob = call.make("bob");
  REQUIRE(call.request(control::CreateEndpoint{bob.parameters}).error == "");
  call.run(TimeDelta::seconds(31));
  REQUIRE(statesOf(call, "bob").size() == 1);
  CHECK(statesOf(call, "bob")[0].state == EndpointState::Failed);
}

TEST_CASE("A certificate that the SDP did not announce fails the handshake") {
  TestCall call;
  ScriptedPeer& bob = call.make("bob");
  bob.parameters.fingerprint.value[0] = bob.parameters.fingerprint.value[0] == 'A' ? 'B' : 'A';
  REQUIRE(call.request(control::CreateEndpoint{bob.parameters}).error == "");
  bob.connect(call.now);
  call.run(TimeDelta::seconds(2));
  REQUIRE(!statesOf(call, "bob").empty());
  CHECK(statesOf(call, "bob").back().state == EndpointState::Failed);
  CHECK(call.counter("dtls_handshakes_total{result=\"failed\"}") == 1);
}

TEST_CASE("A peer that says goodbye is closed") {
  TestCall call;
  ScriptedPeer& bob = call.make("bob");
  call.join(bob);
  bob.closeDtls();
  call.run(TimeDelta::millis(10));
  CHECK(statesOf(call, "bob").back().state == EndpointState::Closed);
}

TEST_CASE("A new offer adds a slot and a track, and what plays goes on") {
  TestCall call;
  ScriptedPeer& alice = call.make("alice");
  alice.addVideoTrack("1", {});
  ScriptedPeer& bob = call.make("bob");
  bob.addSlot("v", MediaKind::Video);
  call.join(alice);
  call.join(bob);
  call.wish(bob, {call.want("v", alice)});
  SimulcastCamera camera(alice, "1", {{320, 180, 300}});
  call.onStep = [&] { camera.step(call.now); };
  call.run(TimeDelta::seconds(1));
  const size_t before = bob.slot("v").frames.size();
  const int keyFrames = camera.keyFrames;
  REQUIRE(before > 10);

  bob.addSlot("w", MediaKind::Video);
  REQUIRE(call.request(control::UpdateEndpoint{bob.parameters}).error == "");
  alice.addVideoTrack("2", {}, control::TrackSource::Screen);
  REQUIRE(call.request(control::UpdateEndpoint{alice.parameters}).error == "");
  call.run(TimeDelta::seconds(1));
  CHECK(bob.slot("v").frames.size() > before + 25);
  CHECK(camera.keyFrames == keyFrames);

  SimulcastCamera screen(alice, "2", {{1'920, 1'080, 3'000}});
  call.onStep = [&] {
    camera.step(call.now);
    screen.step(call.now);
  };
  control::SlotWish wish = call.want("w", alice);
  wish.source = control::TrackSource::Screen;
  call.wish(bob, {call.want("v", alice), wish});
  call.run(TimeDelta::seconds(1));
  CHECK(bob.slot("w").frames.size() > 15);

  // The screen goes away again.
  alice.parameters.tracks.pop_back();
  call.onStep = [&] { camera.step(call.now); };
  REQUIRE(call.request(control::UpdateEndpoint{alice.parameters}).error == "");
  call.run(TimeDelta::millis(500));
  CHECK(call.eventsOf<control::SlotsBound>().back().bindings.back().participant == "");
  CHECK(bob.slot("v").undecodable() == 0);
}

TEST_CASE("A request that fails half-way is answered, leaves nothing behind, and harms nobody") {
  TestCall call;
  ScriptedPeer& alice = call.make("alice");
  alice.addVideoTrack("1", {});
  ScriptedPeer& bob = call.make("bob");
  bob.addSlot("v", MediaKind::Video);
  call.join(alice);
  call.join(bob);
  call.wish(bob, {call.want("v", alice)});
  SimulcastCamera camera(alice, "1", {{320, 180, 300}});
  call.onStep = [&] { camera.step(call.now); };
  call.run(TimeDelta::seconds(1));
  const uint64_t tracks = call.counter("tracks");

  ScriptedPeer& carol = call.make("carol");
  carol.addVideoTrack("1", {});
  carol.addSlot("v", MediaKind::Video);
  bob.addSlot("w", MediaKind::Video);
  bob.addVideoTrack("1", {});
  control::EndpointParameters restarted = bob.parameters;
  restarted.ice.localUfrag = "afterTheRestart";
  call.random.broken = true;
  CHECK(call.request(control::CreateEndpoint{carol.parameters}).error ==
        "the request failed: no random numbers");
  CHECK(call.request(control::UpdateEndpoint{restarted}).error == "the request failed: no random numbers");
  CHECK(call.counter("endpoints") == 2);
  CHECK(call.counter("tracks") == tracks);

  // Whoever was there is as before, and goes on while new ones cannot be made.
  const size_t before = bob.slot("v").frames.size();
  call.onStep = [&] {
    call.random.broken = false;  // the camera needs some, too
    camera.step(call.now);
    call.random.broken = true;
  };
  call.run(TimeDelta::seconds(1));
  CHECK(bob.slot("v").frames.size() > before + 25);
  CHECK(bob.slot("v").undecodable() == 0);
  CHECK(statesOf(call, "bob").back().state == EndpointState::Connected);

  // Once the fault is gone the same requests are carried out.
  call.random.broken = false;
  call.onStep = [&] { camera.step(call.now); };
  REQUIRE(call.request(control::UpdateEndpoint{bob.parameters}).error == "");
  call.join(carol);
  call.wish(bob, {call.want("v", alice), call.want("w", carol)});
  SimulcastCamera second(carol, "1", {{320, 180, 300}});
  call.onStep = [&] {
    camera.step(call.now);
    second.step(call.now);
  };
  call.run(TimeDelta::seconds(1));
  CHECK(bob.slot("w").frames.size() > 15);
  call.leave(carol);
  call.run(TimeDelta::millis(100));
  CHECK(call.counter("endpoints") == 2);
}

TEST_CASE("An update that is another connection is refused") {
  TestCall call;
  ScriptedPeer& bob = call.make("bob");
  call.join(bob);
  control::EndpointParameters parameters = bob.parameters;
  parameters.sender = 99;
  CHECK(call.request(control::UpdateEndpoint{parameters}).error != "");
  parameters = bob.parameters;
  parameters.fingerprint.value[1] = '0';
  parameters.fingerprint.value[0] = '0';
  CHECK(call.request(control::UpdateEndpoint{parameters}).error != "");
}

TEST_CASE("Rubbish from anywhere is counted and harms nobody") {
  const uint64_t seed = GENERATE(1u, 2u);
  INFO("seed " << seed);
  TestCall call;
  ScriptedPeer& alice = call.make("alice");
  alice.addVideoTrack("1", {});
  ScriptedPeer& bob = call.make("bob");
  bob.addSlot("v", MediaKind::Video);
  call.join(alice);
  call.join(bob);
  call.wish(bob, {call.want("v", alice)});
  SimulcastCamera camera(alice, "1", {{320, 180, 300}});
  base::SeededRandom random(seed);
  call.onStep = [&] {
    camera.step(call.now);
    for (int i = 0; i < 3; ++i) {
      std::vector<uint8_t> rubbish(random.u32() % 1'500);
      random.fill(rubbish);
      const uint8_t firsts[] = {0, 1, 22, 128, 144, 255};
      if (!rubbish.empty()) rubbish[0] = firsts[random.u32() % 6];
      const bool known = random.u32() % 2 == 0;
      call.core.onDatagram(rubbish, known ? alice.address : base::SocketAddress::v4(10, 0, 0, 1, 99),
                           call.now);
    }
  };
  call.run(TimeDelta::seconds(1));
  CHECK(bob.slot("v").frames.size() > 20);
  CHECK(call.counter("datagrams_rejected_total{reason=\"unknown_source\"}") > 100);
  CHECK(call.counter("datagrams_rejected_total{reason=\"srtp_authentication\"}") > 50);
  std::vector<uint8_t> large(4'000, 128);
  call.core.onDatagram(large, alice.address, call.now);
  CHECK(call.counter("datagrams_rejected_total{reason=\"too_large\"}") == 1);
}

TEST_CASE("A replayed packet is dropped and counted") {
  TestCall call;
  ScriptedPeer& alice = call.make("alice");
  alice.addVideoTrack("1", {});
  call.join(alice);
  alice.sendVideo("1", 0, {true, 320, 180}, call.now);
  auto datagrams = alice.takeOutgoing();
  REQUIRE(!datagrams.empty());
  auto copy = datagrams;
  for (auto& datagram : datagrams) call.core.onDatagram(datagram, alice.address, call.now);
  for (auto& datagram : copy) call.core.onDatagram(datagram, alice.address, call.now);
  CHECK(call.counter("datagrams_rejected_total{reason=\"srtp_replayed\"}") == copy.size());
}
