// A participant, or somebody at its address, that sends what it must not: it is counted under a reason of its
// own, and the others notice nothing.
#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "media/dtls/Record.hpp"
#include "media/srtp/SrtpSession.hpp"
#include "tests/unit/room/TestCall.hpp"

using namespace sotto;
using namespace sotto::test;
using base::TimeDelta;
using control::EndpointState;
using control::MediaKind;

namespace {

using Datagram = std::vector<uint8_t>;

std::string rejected(const std::string& reason) {
  return "datagrams_rejected_total{reason=\"" + reason + "\"}";
}

/// Alice sends one layer of video to Bob.
struct HostileCall {
  TestCall call;
  ScriptedPeer& alice = call.make("alice");
  ScriptedPeer& bob = call.make("bob");
  SimulcastCamera camera{alice, "1", {{320, 180, 300}}};

  HostileCall() {
    alice.addVideoTrack("1", {});
    bob.addSlot("v", MediaKind::Video);
  }
  void start() {
    if (!alice.connected()) call.join(alice);
    call.join(bob);
    call.wish(bob, {call.want("v", alice)});
    call.onStep = [this] { camera.step(call.now); };
    call.run(TimeDelta::seconds(1));
    REQUIRE(bob.slot("v").frames.size() > 20);
  }
  void feed(Datagram datagram) { call.core.onDatagram(datagram, alice.address, call.now); }
  uint64_t allRejected() {
    uint64_t sum = 0;
    const control::Reply reply = call.request(control::GetStatistics{});
    for (const control::Counter& counter : reply.statistics->counters) {
      if (counter.name.starts_with("datagrams_rejected_total")) sum += counter.value;
    }
    return sum;
  }
  void checkUndisturbed() {
    const size_t before = bob.slot("v").frames.size();
    call.run(TimeDelta::seconds(1));
    CHECK(bob.slot("v").frames.size() >= before + 28);
    CHECK(bob.slot("v").undecodable() == 0);
    CHECK(bob.slot("v").gaps == 0);
    CHECK(call.eventsOf<control::EndpointStateChanged>().size() == 2);
  }
};

std::array<uint8_t, 12> rtpHeader(uint32_t ssrc, uint8_t first = 0x80) {
  std::array<uint8_t, 12> header{first, vp8Type, 0x12, 0x34};
  base::storeU32(&header[8], ssrc);
  return header;
}

}  // namespace

TEST_CASE("Packets under keys that are not the connection's are counted, RTP and RTCP, and nobody notices") {
  HostileCall h;
  h.start();
  const auto profile = srtp::Profile::AeadAes128Gcm;
  const Datagram key(srtp::keyLength(profile), 7), salt(srtp::saltLength(profile), 9);
  const auto forger = srtp::makeSrtpSender(profile, key, salt);
  // An RTCP BYE of the stream. Its index must be ahead of Alice's, or it counts as replayed.
  std::array<uint8_t, 8> bye{0x81, 203, 0, 1};
  base::storeU32(&bye[4], h.alice.ssrcOf("1", 0));
  Datagram rtcp(100);
  for (int i = 0; i < 10'000; ++i) REQUIRE(forger->protectRtcp(bye, rtcp));
  uint64_t forged = 0;
  h.call.onStep = [&] {
    h.camera.step(h.call.now);
    auto sent = h.alice.takeOutgoing();
    for (Datagram& datagram : sent) {
      if (datagram[0] >= 128) {
        // Before each packet of Alice comes a forged one with the same header.
        const size_t header = 16 + 4 * size_t{base::loadU16(&datagram[14])};
        Datagram rtp(1'500);
        const base::ByteView real(datagram);
        rtp.resize(forger->protectRtp(real.first(header), {}, real.subspan(header), rtp).value());
        h.feed(rtp);
        Datagram report(100);
        report.resize(forger->protectRtcp(bye, report).value());
        h.feed(report);
        forged += 2;
      }
      h.alice.inject(std::move(datagram));
    }
  };
  h.checkUndisturbed();
  CHECK(forged > 50);
  CHECK(h.call.counter(rejected("srtp_authentication")) == forged);
}

TEST_CASE("Replayed RTP and RTCP is counted, and nobody notices") {
  HostileCall h;
  h.start();
  std::vector<Datagram> copies;
  h.call.onStep = [&] {
    h.camera.step(h.call.now);
    h.alice.onTime(h.call.now);
    auto sent = h.alice.takeOutgoing();
    for (Datagram& datagram : sent) {
      if (datagram[0] >= 128) copies.push_back(datagram);
      h.alice.inject(std::move(datagram));
    }
  };
  h.call.run(TimeDelta::millis(1'500));
  h.call.onStep = [&] { h.camera.step(h.call.now); };
  const auto isRtcp = [](const Datagram& datagram) { return datagram[1] >= 192 && datagram[1] <= 223; };
  REQUIRE(std::any_of(copies.begin(), copies.end(), isRtcp));
  REQUIRE(copies.size() > 40);
  for (const Datagram& copy : copies) h.feed(copy);
  CHECK(h.call.counter(rejected("srtp_replayed")) == copies.size());
  h.checkUndisturbed();
}

TEST_CASE("STUN, DTLS, SRTP and SRTCP cut at any length are counted, every one of them") {
  HostileCall h;
  std::vector<Datagram> seen;
  h.call.onStep = [&] {
    h.alice.onTime(h.call.now);
    auto sent = h.alice.takeOutgoing();
    for (Datagram& datagram : sent) {
      seen.push_back(datagram);
      h.alice.inject(std::move(datagram));
    }
  };
  h.call.join(h.alice);
  h.call.onStep = nullptr;
  h.start();
  h.alice.sendVideo("1", 0, {}, h.call.now);
  h.alice.sendPli(1);
  for (const Datagram& media : h.alice.takeOutgoing()) seen.push_back(media);

  std::map<std::string, uint64_t> kinds;
  for (const Datagram& whole : seen) {
    const std::string kind = whole[0] < 4      ? "stun"
                             : whole[0] < 64   ? "dtls"
                             : whole[1] >= 192 ? "rtcp"
                                               : "rtp";
    for (size_t size = 1; size < whole.size(); ++size) {
      const Datagram part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      // Cut between two records it is a whole datagram again.
      if (kind == "dtls" && dtls::holdsWholeRecords(part)) continue;
      const uint64_t before = h.allRejected();
      h.feed(part);
      INFO(kind << " cut to " << size << " of " << whole.size());
      REQUIRE(h.allRejected() == before + 1);
      ++kinds[kind];
    }
  }
  for (const char* kind : {"stun", "dtls", "rtp", "rtcp"}) {
    INFO(kind);
    CHECK(kinds[kind] > 10);
  }
  CHECK(h.call.counter(rejected("stun_malformed")) > 0);
  CHECK(h.call.counter(rejected("dtls_malformed")) > 0);
  h.checkUndisturbed();
}

TEST_CASE("RTP and RTCP that is sealed well and says nonsense is counted") {
  HostileCall h;
  h.start();
  // Padding longer than the packet.
  h.alice.sendRtp(rtpHeader(0x04030201, 0xA0), Datagram(20, 200));
  // A receiver report that says to be longer than its datagram.
  h.alice.sendRtcp(Datagram{0x81, 201, 0, 9, 0, 0, 0, 1});
  // A packet of no stream.
  auto stranger = rtpHeader(0x01020304);
  stranger[1] = 35;
  h.alice.sendRtp(stranger, Datagram(20, 1));
  h.call.run(TimeDelta::millis(10));
  CHECK(h.call.counter(rejected("malformed")) == 1);
  CHECK(h.call.counter(rejected("rtcp_malformed")) == 1);
  CHECK(h.call.counter(rejected("unbound_stream")) == 1);
  h.checkUndisturbed();
}

TEST_CASE("A trailer that says to be longer than its frame is dropped and counted") {
  HostileCall h;
  h.start();
  h.call.onStep = nullptr;
  h.call.run(TimeDelta::millis(100));
  const size_t before = h.bob.slot("v").frames.size();
  for (const uint8_t length : {uint8_t{255}, uint8_t{250}, uint8_t{1}}) {
    ScriptedPeer::VideoFrame key{true, 320, 180};
    key.size = 100;
    key.statedLength = length;
    h.alice.sendVideo("1", 0, key, h.call.now);
    h.call.run(TimeDelta::millis(40));
  }
  CHECK(h.bob.slot("v").frames.size() == before);
  CHECK(h.call.counter("frames_dropped_total{reason=\"bad_trailer\"}") == 3);
}

TEST_CASE("Of a publisher that never says how large its layers are, nothing is sent: not even by its rate") {
  TestCall call;
  ScriptedPeer& mallory = call.make("mallory");
  ScriptedPeer& bob = call.make("bob");
  mallory.addVideoTrack("1", {"q", "h", "f"});
  bob.addSlot("w", MediaKind::Video);
  for (ScriptedPeer* peer : {&mallory, &bob}) call.join(*peer);
  call.wish(bob, {call.want("w", mallory, 0, 1)});
  SimulcastCamera camera(mallory, "1", {{0, 0, 400}, {0, 0, 1'500}, {1'280, 720, 4'000}});
  call.onStep = [&] { camera.step(call.now); };
  call.run(TimeDelta::seconds(2));
  auto& slot = bob.slot("w");
  REQUIRE(slot.frames.size() > 20);
  for (const auto& frame : slot.frames) CHECK(frame.metadata.spatialIndex == 2);
  // The layer of known size does not fit: no other may stand in for it.
  REQUIRE(call.request(control::SetRateCap{"room", "bob", 200'000}).error == "");
  call.run(TimeDelta::seconds(3));
  const size_t before = slot.frames.size();
  call.run(TimeDelta::seconds(1));
  CHECK(slot.frames.size() == before);
  for (const auto& frame : slot.frames) CHECK(frame.metadata.spatialIndex == 2);
}

TEST_CASE("Whoever lies about the sizes of its pictures changes nothing for the pictures of others") {
  // What Bob gets of Alice beside an honest participant, under a cap, is the measure.
  const auto layersOfAlice = [](std::vector<SimulcastCamera::Layer> mallorys) {
    TestCall call;
    ScriptedPeer& alice = call.make("alice");
    ScriptedPeer& mallory = call.make("mallory");
    ScriptedPeer& bob = call.make("bob");
    for (ScriptedPeer* peer : {&alice, &mallory}) peer->addVideoTrack("1", {"q", "h", "f"});
    bob.addSlot("v", MediaKind::Video);
    bob.addSlot("w", MediaKind::Video);
    for (ScriptedPeer* peer : {&alice, &mallory, &bob}) call.join(*peer);
    call.wish(bob, {call.want("v", alice, 0, 5), call.want("w", mallory, 0, 1)});
    REQUIRE(call.request(control::SetRateCap{"room", "bob", 1'000'000}).error == "");
    SimulcastCamera honest(alice, "1", {{320, 180, 400}, {640, 360, 1'500}, {1'280, 720, 4'000}});
    SimulcastCamera liar(mallory, "1", std::move(mallorys));
    call.onStep = [&] {
      honest.step(call.now);
      liar.step(call.now);
    };
    call.run(TimeDelta::seconds(6));
    const uint64_t bytes = bob.mediaBytes;
    call.run(TimeDelta::seconds(2));
    CHECK((bob.mediaBytes - bytes) * 8 / 2 < 1'100'000);
    auto& slot = bob.slot("v");
    CHECK(slot.undecodable() == 0);
    CHECK(slot.gaps == 0);
    std::vector<int> layers;
    for (size_t i = slot.frames.size() - 30; i < slot.frames.size(); ++i)
      layers.push_back(slot.frames[i].metadata.spatialIndex);
    for (size_t i = 1; i < slot.frames.size(); ++i)
      CHECK((slot.frames[i].at - slot.frames[i - 1].at).ms() <= 150);
    // A publisher is asked for key frames at the usual pace, whatever it answers.
    CHECK(mallory.pliTimes.size() <= 2 * 8 * 3 + 6);
    return layers;
  };
  const auto fair = layersOfAlice({{320, 180, 400}, {640, 360, 1'500}, {1'280, 720, 4'000}});
  REQUIRE(std::all_of(fair.begin(), fair.end(), [&](int layer) { return layer == fair.front(); }));
  CHECK(layersOfAlice({{0, 0, 400}, {0, 0, 1'500}, {0, 0, 4'000}}) == fair);
  CHECK(layersOfAlice({{65'535, 65'535, 400}, {65'535, 65'535, 1'500}, {65'535, 65'535, 4'000}}) == fair);
  CHECK(layersOfAlice({{65'535, 1, 400}, {0, 65'535, 1'500}, {1, 1, 4'000}}) == fair);
}

TEST_CASE("A library that cannot set SRTP up fails that connection, says so, and nobody else's") {
  HostileCall h;
  h.start();
  ScriptedPeer& carol = h.call.make("carol");
  carol.profiles = {srtp::Profile::Aes128CmSha1_80};
  REQUIRE(h.call.request(control::CreateEndpoint{carol.parameters}).error == "");
  carol.connect(h.call.now);
  // As at a worker's start, so that the library is not started again below.
  const auto libraries = srtp::prepareSrtp();
  // Without its crypto kernel libsrtp2 refuses every new session.
  h.call.aroundCore = [](bool before) { before ? srtp_shutdown() : srtp_init(); };
  h.call.run(TimeDelta::millis(500));
  h.call.aroundCore = nullptr;
  const auto states = h.call.eventsOf<control::EndpointStateChanged>();
  REQUIRE(states.size() == 3);
  CHECK(states.back().endpoint == "carol");
  CHECK(states.back().state == EndpointState::Failed);
  CHECK(states.back().reason.find("SRTP could not be set up") == 0);
  CHECK(h.call.counter("dtls_handshakes_total{result=\"failed\"}") == 1);
  h.call.leave(carol);
  const size_t before = h.bob.slot("v").frames.size();
  h.call.run(TimeDelta::seconds(1));
  CHECK(h.bob.slot("v").frames.size() >= before + 28);
}
