// A call through the media core: frames come out as they went in, to whoever asked for them.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/room/TestCall.hpp"

using namespace sotto;
using namespace sotto::test;
using base::TimeDelta;
using base::Timestamp;
using control::MediaKind;

namespace {

bool contiguous(const std::vector<uint16_t>& sequences) {
  for (size_t i = 1; i < sequences.size(); ++i) {
    if (static_cast<uint16_t>(sequences[i] - sequences[i - 1]) != 1) return false;
  }
  return true;
}

bool monotonic(const std::vector<GotFrame>& frames) {
  for (size_t i = 1; i < frames.size(); ++i) {
    if (static_cast<int32_t>(frames[i].timestamp - frames[i - 1].timestamp) <= 0) return false;
  }
  return true;
}

std::vector<SimulcastCamera::Layer> threeLayers() {
  return {{320, 180, 400}, {640, 360, 1'500}, {1'280, 720, 4'000}};
}

struct TwoPeers {
  TestCall call;
  ScriptedPeer& alice = call.make("alice");
  ScriptedPeer& bob = call.make("bob");
  TwoPeers() {
    alice.addAudioTrack("0");
    alice.addVideoTrack("1", {"q", "h", "f"});
    bob.addAudioTrack("0");
    bob.addSlot("a", MediaKind::Audio);
    bob.addSlot("v", MediaKind::Video);
  }
};

}  // namespace

TEST_CASE("A frame arrives byte for byte at whoever asked for it") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice)});
  SimulcastCamera camera(p.alice, "1", threeLayers());
  p.call.onStep = [&] { camera.step(p.call.now); };
  p.call.run(TimeDelta::seconds(4));

  auto& slot = p.bob.slot("v");
  REQUIRE(slot.frames.size() > 100);
  for (const GotFrame& frame : slot.frames) {
    REQUIRE(std::find(camera.sent.begin(), camera.sent.end(), frame.payload) != camera.sent.end());
  }
  CHECK(contiguous(slot.sequences));
  CHECK(monotonic(slot.frames));
  CHECK(slot.undecodable() == 0);
  CHECK(slot.gaps == 0);
  // Without a bound on the height, the best layer is sent in the end.
  CHECK(slot.frames.back().payload.size() > 4'000);
  CHECK(p.call.largestDatagram <= 1'200);
  CHECK(p.alice.feedbackReceived > 20);
  CHECK(p.alice.reportBlocksReceived > 5);
  CHECK(p.bob.senderReportsReceived >= 2);
}

TEST_CASE("MID rides on every packet of a slot until the first receiver report") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice, 180)});
  SimulcastCamera camera(p.alice, "1", threeLayers());
  p.call.onStep = [&] { camera.step(p.call.now); };
  p.call.run(TimeDelta::seconds(3));
  const auto& mids = p.bob.slot("v").mids;
  REQUIRE(mids.size() > 40);
  CHECK(mids.front() == "v");
  CHECK(mids.back().empty());
  const auto firstWithout = std::find(mids.begin(), mids.end(), "");
  CHECK(std::all_of(mids.begin(), firstWithout, [](const auto& mid) { return mid == "v"; }));
}

TEST_CASE("A layer switch waits for a key frame and leaves no gap") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice, 180)});
  SimulcastCamera camera(p.alice, "1", threeLayers());
  p.call.onStep = [&] { camera.step(p.call.now); };
  p.call.run(TimeDelta::seconds(2));
  auto& slot = p.bob.slot("v");
  REQUIRE(!slot.frames.empty());
  CHECK(slot.frames.back().metadata.spatialIndex == 0);

  for (const uint32_t height : {720u, 360u, 180u, 720u, 180u}) {
    p.call.wish(p.bob, {p.call.want("v", p.alice, height)});
    p.call.run(TimeDelta::seconds(2));
    CHECK(slot.frames.back().metadata.spatialIndex == (height == 720 ? 2 : height == 360 ? 1 : 0));
  }
  CHECK(contiguous(slot.sequences));
  CHECK(monotonic(slot.frames));
  CHECK(slot.undecodable() == 0);
  CHECK(slot.gaps == 0);
  // The layer changes at key frames only, and no pause is longer than a few pictures.
  for (size_t i = 1; i < slot.frames.size(); ++i) {
    const GotFrame& frame = slot.frames[i];
    if (frame.metadata.spatialIndex != slot.frames[i - 1].metadata.spatialIndex)
      CHECK(frame.metadata.keyFrame);
    CHECK((frame.at - slot.frames[i - 1].at).ms() <= 150);
    // What the player shows keeps the time at which it was captured.
    const double played = static_cast<uint32_t>(frame.timestamp - slot.frames.front().timestamp) / 90.0;
    const double elapsed = static_cast<double>((frame.at - slot.frames.front().at).us()) / 1'000;
    CHECK(std::abs(played - elapsed) < 15);
  }
}

TEST_CASE("A frame without a valid trailer is dropped and counted in a room that requires encryption") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice)});
  ScriptedPeer::VideoFrame key{true, 320, 180};
  p.alice.sendVideo("1", 0, key, p.call.now);
  p.call.run(TimeDelta::millis(40));
  ScriptedPeer::VideoFrame delta;
  delta.size = 300;
  p.alice.sendVideo("1", 0, delta, p.call.now);
  p.call.run(TimeDelta::millis(40));
  auto& slot = p.bob.slot("v");
  REQUIRE(slot.frames.size() == 2);

  ScriptedPeer::VideoFrame naked = delta;
  naked.trailer = false;
  p.alice.sendVideo("1", 0, naked, p.call.now);
  p.call.run(TimeDelta::millis(40));
  CHECK(slot.frames.size() == 2);
  CHECK(p.call.counter("frames_dropped_total{reason=\"no_trailer\"}") == 1);

  // Whatever follows may refer to it: nothing more goes out before the next key frame.
  p.alice.sendVideo("1", 0, delta, p.call.now);
  p.call.run(TimeDelta::millis(40));
  CHECK(slot.frames.size() == 2);
  p.call.run(TimeDelta::millis(1'100));
  CHECK(p.alice.pliReceived[p.alice.ssrcOf("1", 0)] > 0);
  p.alice.sendVideo("1", 0, key, p.call.now);
  p.call.run(TimeDelta::millis(40));
  CHECK(slot.frames.size() == 3);
  CHECK(contiguous(slot.sequences));
}

TEST_CASE("A frame whose sender number is not its publisher's is dropped and counted") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice)});
  ScriptedPeer::VideoFrame key{true, 320, 180};
  key.foreignSender = p.bob.sender;
  p.alice.sendVideo("1", 0, key, p.call.now);
  p.call.run(TimeDelta::millis(40));
  CHECK(p.bob.slot("v").frames.empty());
  CHECK(p.call.counter("frames_dropped_total{reason=\"foreign_sender\"}") == 1);
  key.foreignSender = 0;
  key.saysAudio = true;
  p.alice.sendVideo("1", 0, key, p.call.now);
  p.call.run(TimeDelta::millis(40));
  CHECK(p.bob.slot("v").frames.empty());
  CHECK(p.call.counter("frames_dropped_total{reason=\"bad_trailer\"}") == 1);
}

TEST_CASE("After a whole frame that was not let through nothing goes out before the next key frame") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice)});
  auto& slot = p.bob.slot("v");
  const auto send = [&](const ScriptedPeer::VideoFrame& frame) {
    p.alice.sendVideo("1", 0, frame, p.call.now);
    p.call.run(TimeDelta::millis(40));
    return slot.frames.size();
  };
  const ScriptedPeer::VideoFrame key{true, 320, 180};
  ScriptedPeer::VideoFrame delta;
  delta.size = 300;
  REQUIRE(send(key) == 1);
  REQUIRE(send(delta) == 2);
  ScriptedPeer::VideoFrame foreign = delta;
  foreign.foreignSender = p.bob.sender;
  CHECK(send(foreign) == 2);
  CHECK(send(delta) == 2);
  CHECK(send(delta) == 2);
  CHECK(send(key) == 3);
  CHECK(send(delta) == 4);
  CHECK(contiguous(slot.sequences));
  CHECK(slot.undecodable() == 0);
}

TEST_CASE("Frames without a trailer pass in a room without encryption") {
  TestCall call(control::E2eePolicy::Off);
  ScriptedPeer& alice = call.make("alice");
  ScriptedPeer& bob = call.make("bob");
  alice.addVideoTrack("1", {});
  bob.addSlot("v", MediaKind::Video);
  call.join(alice);
  call.join(bob);
  call.wish(bob, {call.want("v", alice)});
  ScriptedPeer::VideoFrame key{true, 320, 180};
  key.trailer = false;
  const auto sent = alice.sendVideo("1", 0, key, call.now);
  call.run(TimeDelta::millis(40));
  REQUIRE(bob.slot("v").frames.size() == 1);
  CHECK(bob.slot("v").frames[0].payload == sent);
}

TEST_CASE("Nothing of a muted track is forwarded, and it comes back with a key frame") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice, 180)});
  SimulcastCamera camera(p.alice, "1", threeLayers());
  Timestamp nextAudio = p.call.now;
  p.call.onStep = [&] {
    camera.step(p.call.now);
    if (p.call.now < nextAudio) return;
    nextAudio = p.call.now + TimeDelta::millis(20);
    p.alice.sendAudio("0", 30, p.call.now);
  };
  p.call.run(TimeDelta::seconds(1));
  REQUIRE(!p.bob.slot("a").frames.empty());
  REQUIRE(!p.bob.slot("v").frames.empty());

  for (const char* mid : {"0", "1"}) {
    REQUIRE(p.call.request(control::SetTrackMuted{"room", "alice", mid, true}).error == "");
  }
  p.call.run(TimeDelta::millis(20));
  const size_t audio = p.bob.slot("a").frames.size(), video = p.bob.slot("v").frames.size();
  p.call.run(TimeDelta::seconds(1));
  CHECK(p.bob.slot("a").frames.size() == audio);
  CHECK(p.bob.slot("v").frames.size() == video);
  CHECK(p.call.counter("frames_dropped_total{reason=\"muted\"}") > 50);

  for (const char* mid : {"0", "1"}) {
    REQUIRE(p.call.request(control::SetTrackMuted{"room", "alice", mid, false}).error == "");
  }
  p.call.run(TimeDelta::seconds(2));
  CHECK(p.bob.slot("a").frames.size() > audio + 80);
  REQUIRE(p.bob.slot("v").frames.size() > video + 20);
  CHECK(p.bob.slot("v").frames[video].metadata.keyFrame);
  CHECK(p.bob.slot("v").undecodable() == 0);
}

TEST_CASE("A rate cap holds, and the layers come back when it is lifted") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice)});
  SimulcastCamera camera(p.alice, "1", threeLayers());  // about 100, 380 and 1,000 kb/s
  p.call.onStep = [&] { camera.step(p.call.now); };
  p.call.run(TimeDelta::seconds(3));
  REQUIRE(p.bob.slot("v").frames.back().metadata.spatialIndex == 2);

  REQUIRE(p.call.request(control::SetRateCap{"room", "bob", 500'000}).error == "");
  p.call.run(TimeDelta::seconds(2));
  const uint64_t before = p.bob.mediaBytes;
  p.call.run(TimeDelta::seconds(5));
  const uint64_t bitsPerSecond = (p.bob.mediaBytes - before) * 8 / 5;
  CHECK(bitsPerSecond < 500'000);
  CHECK(bitsPerSecond > 200'000);
  CHECK(p.bob.slot("v").frames.back().metadata.spatialIndex == 1);
  const auto layers = p.call.eventsOf<control::LayersChanged>();
  REQUIRE(!layers.empty());
  CHECK(layers.back().layers.back().reason == "rate-cap");
  CHECK(layers.back().layers.back().height == 360);

  REQUIRE(p.call.request(control::SetRateCap{"room", "bob", std::nullopt}).error == "");
  p.call.run(TimeDelta::seconds(3));
  CHECK(p.bob.slot("v").frames.back().metadata.spatialIndex == 2);
  CHECK(p.call.eventsOf<control::LayersChanged>().back().layers.back().reason == "");
  CHECK(p.bob.slot("v").undecodable() == 0);
  CHECK(contiguous(p.bob.slot("v").sequences));
}

TEST_CASE("Twenty who join at once cost two key frame requests a second") {
  TestCall call;
  ScriptedPeer& alice = call.make("alice");
  alice.addVideoTrack("1", {"q", "h", "f"});
  call.join(alice);
  SimulcastCamera camera(alice, "1", threeLayers());
  call.onStep = [&] { camera.step(call.now); };
  call.run(TimeDelta::seconds(1));
  std::vector<ScriptedPeer*> viewers;
  for (int i = 0; i < 20; ++i) {
    ScriptedPeer& viewer = call.make("viewer" + std::to_string(i));
    viewer.addSlot("v", MediaKind::Video);
    viewers.push_back(&viewer);
    call.join(viewer);
    call.wish(viewer, {call.want("v", alice, i % 3 == 0 ? 180 : i % 3 == 1 ? 360 : 720)});
  }
  call.run(TimeDelta::seconds(3));
  for (size_t i = 0; i + 2 < alice.pliTimes.size(); ++i) {
    CHECK((alice.pliTimes[i + 2] - alice.pliTimes[i]).ms() >= 1'000);
  }
  for (ScriptedPeer* viewer : viewers) {
    INFO(viewer->name);
    // Whoever's layer comes last waits a second for its turn to ask.
    CHECK(viewer->slot("v").frames.size() > 50);
    CHECK(viewer->slot("v").undecodable() == 0);
  }
}

TEST_CASE("Loss on the way to a recipient is repaired by retransmission") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice)});
  SimulcastCamera camera(p.alice, "1", threeLayers());
  p.call.onStep = [&] { camera.step(p.call.now); };
  base::SeededRandom losses(7);
  const uint32_t ssrc = p.bob.parameters.slots[1].ssrc;
  p.bob.loseIncoming = [&](uint32_t of, uint16_t) { return of == ssrc && losses.u32() % 20 == 0; };
  p.call.run(TimeDelta::seconds(5));
  CHECK(p.call.counter("retransmissions_total") > 5);
  CHECK(p.bob.slot("v").stream->statistics().recoveredPackets > 5);
  CHECK(p.bob.slot("v").frames.size() > 130);
}

TEST_CASE("Loss on the way from a publisher is repaired by retransmission") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice)});
  SimulcastCamera camera(p.alice, "1", threeLayers());
  p.call.onStep = [&] { camera.step(p.call.now); };
  base::SeededRandom losses(7);
  const uint32_t ssrc = p.alice.ssrcOf("1", 2);
  int lost = 0;
  p.alice.loseOutgoing = [&](uint32_t of, uint16_t) {
    if (of != ssrc || losses.u32() % 20 != 0) return false;
    ++lost;
    return true;
  };
  p.call.run(TimeDelta::seconds(5));
  REQUIRE(lost > 10);
  CHECK(p.alice.nacksReceived >= lost);
  CHECK(p.call.counter("recovered_packets_total") > 0);
  auto& slot = p.bob.slot("v");
  CHECK(slot.undecodable() == 0);
  CHECK(slot.gaps == 0);
  CHECK(contiguous(slot.sequences));
  CHECK(slot.frames.size() > 140);
}

TEST_CASE("A participant whose address changes goes on") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice, 180)});
  SimulcastCamera camera(p.alice, "1", threeLayers());
  p.call.onStep = [&] { camera.step(p.call.now); };
  p.call.run(TimeDelta::seconds(1));
  const size_t before = p.bob.slot("v").frames.size();
  p.bob.address = base::SocketAddress::v4(203, 0, 113, 9, 9'999);
  p.call.run(TimeDelta::seconds(8));
  CHECK(p.bob.slot("v").frames.size() > before + 60);
  for (const auto& event : p.call.eventsOf<control::EndpointStateChanged>()) {
    CHECK(event.state == control::EndpointState::Connected);
  }
}

TEST_CASE("Of VP9 with spatial layers each recipient gets the pictures up to the size asked for") {
  TestCall call;
  ScriptedPeer& alice = call.make("alice");
  alice.addVideoTrack("1", {});
  ScriptedPeer& bob = call.make("bob");
  bob.addSlot("v", MediaKind::Video, frame::CodecType::Vp9);
  call.join(alice);
  call.join(bob);
  call.wish(bob, {call.want("v", alice, 360)});
  const uint32_t ssrc = alice.ssrcOf("1", 0);
  int plis = 0;
  bool keyNext = true;
  Timestamp next = call.now;
  std::vector<std::vector<uint8_t>> sent;
  call.onStep = [&] {
    if (call.now < next) return;
    next = call.now + TimeDelta::millis(33);
    keyNext = keyNext || alice.pliReceived[ssrc] != plis;
    plis = alice.pliReceived[ssrc];
    for (auto& layer : alice.sendVp9Picture("1", keyNext, 3, 320, 180, call.now))
      sent.push_back(std::move(layer));
    keyNext = false;
  };
  auto& slot = bob.slot("v");
  auto highest = [&](size_t from) {
    int spatial = -1;
    for (size_t i = from; i < slot.frames.size(); ++i) {
      spatial = std::max(spatial, int{slot.frames[i].codecInfo.spatialId});
    }
    return spatial;
  };
  call.run(TimeDelta::seconds(1));
  CHECK(highest(0) == 1);
  size_t before = slot.frames.size();
  CHECK(before > 40);
  call.wish(bob, {call.want("v", alice, 720)});
  call.run(TimeDelta::seconds(1));
  CHECK(highest(before) == 2);
  call.wish(bob, {call.want("v", alice, 180)});
  call.run(TimeDelta::millis(100));
  before = slot.frames.size();
  call.run(TimeDelta::seconds(1));
  CHECK(highest(before) == 0);
  CHECK(slot.frames.size() > before + 25);
  CHECK(slot.undecodable() == 0);
  CHECK(slot.gaps == 0);
  CHECK(contiguous(slot.sequences));
  for (size_t i = 0; i < slot.frames.size(); ++i) {
    REQUIRE(std::find(sent.begin(), sent.end(), slot.frames[i].payload) != sent.end());
    // The marker ends each picture: the last layer sent of it.
    const bool last = i + 1 == slot.frames.size() || slot.frames[i + 1].timestamp != slot.frames[i].timestamp;
    REQUIRE(slot.frames[i].codecInfo.endOfPicture == last);
  }
}

TEST_CASE("A layer that its publisher stops gives way to the next within a second, and comes back") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice)});
  SimulcastCamera camera(p.alice, "1", threeLayers());
  p.call.onStep = [&] { camera.step(p.call.now); };
  p.call.run(TimeDelta::seconds(3));
  auto& slot = p.bob.slot("v");
  REQUIRE(slot.frames.back().metadata.spatialIndex == 2);
  camera.layers[2].on = false;
  const Timestamp stopped = p.call.now;
  const size_t before = slot.frames.size();
  p.call.run(TimeDelta::seconds(2));
  REQUIRE(slot.frames.size() > before + 20);
  CHECK(slot.frames.back().metadata.spatialIndex == 1);
  const auto resumed = std::find_if(slot.frames.begin(), slot.frames.end(), [&](const GotFrame& frame) {
    return frame.at > stopped && frame.metadata.spatialIndex < 2;
  });
  REQUIRE(resumed != slot.frames.end());
  CHECK((resumed->at - stopped).ms() < 1'100);
  CHECK(p.call.eventsOf<control::LayersChanged>().back().layers.back().reason == "publisher");
  camera.layers[2].on = true;
  p.call.run(TimeDelta::seconds(2));
  CHECK(slot.frames.back().metadata.spatialIndex == 2);
  CHECK(slot.undecodable() == 0);
  CHECK(contiguous(slot.sequences));
}

TEST_CASE("A publisher that changes its SSRC with every packet is bounded, and others go on") {
  TwoPeers p;
  p.call.join(p.alice);
  p.call.join(p.bob);
  p.call.wish(p.bob, {p.call.want("v", p.alice)});
  for (uint32_t i = 0; i < 100; ++i) {
    rtp::RtpHeader header;
    header.payloadType = vp8Type;
    header.ssrc = 1'000'000 + i;
    const std::array<uint8_t, 1> mid{'1'};
    const rtp::ExtensionElement element{midId, mid};
    std::array<uint8_t, 64> bytes{};
    const size_t size = rtp::writeRtpHeader(header, {&element, 1}, bytes);
    p.alice.sendRtp(base::ByteView(bytes).first(size), base::ByteView(bytes).first(30));
  }
  p.call.run(TimeDelta::millis(100));
  CHECK(p.call.counter("datagrams_rejected_total{reason=\"unbound_stream\"}") >= 80);
  p.call.run(TimeDelta::seconds(2));
  SimulcastCamera camera(p.alice, "1", threeLayers());
  p.call.onStep = [&] { camera.step(p.call.now); };
  p.call.run(TimeDelta::seconds(2));
  CHECK(p.bob.slot("v").frames.size() > 40);
}
