#include "tests/unit/room/TestCall.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace sotto::test {

using base::TimeDelta;
using base::Timestamp;

TestCall::TestCall(control::E2eePolicy e2ee, uint32_t audioSpeakers, uint64_t seed)
    : random(seed), certificate(dtls::Certificate::generate()), core(certificate, random, out, *this) {
  const control::Reply reply = request(control::CreateRoom{"room", e2ee, audioSpeakers});
  REQUIRE(reply.error == "");
}

ScriptedPeer& TestCall::make(const std::string& name) {
  const auto number = static_cast<uint8_t>(peers.size() + 1);
  peers.push_back(std::make_unique<ScriptedPeer>(name, number, number, random, certificate));
  peers.back()->parameters.room = "room";
  return *peers.back();
}

void TestCall::join(ScriptedPeer& peer) {
  const control::Reply reply = request(control::CreateEndpoint{peer.parameters});
  REQUIRE(reply.error == "");
  peer.connect(now);
  for (int i = 0; i < 1'000 && !peer.connected(); ++i) step();
  REQUIRE(peer.connected());
  run(TimeDelta::millis(5));
}

void TestCall::leave(ScriptedPeer& peer) {
  const control::Reply reply = request(control::RemoveEndpoint{"room", peer.name});
  REQUIRE(reply.error == "");
  peer.stop();
}

control::Reply TestCall::request(control::RequestBody body) {
  return core.handle({nextRequest_++, std::move(body)}, now);
}

control::SlotWish TestCall::want(const std::string& mid, const ScriptedPeer& whom, uint32_t maxHeight,
                                 uint32_t priority) const {
  control::SlotWish wish;
  wish.mid = mid;
  wish.mode = control::SlotWish::Mode::Participant;
  wish.participant = whom.name;
  wish.maxHeight = maxHeight;
  wish.priority = priority;
  return wish;
}

void TestCall::wish(const ScriptedPeer& who, std::vector<control::SlotWish> wishes) {
  const control::Reply reply = request(control::SetSlotWishes{"room", who.name, std::move(wishes)});
  REQUIRE(reply.error == "");
}

void TestCall::deliver() {
  out.forEachDatagram([&](const base::SocketAddress& destination, base::ByteView datagram) {
    largestDatagram = std::max(largestDatagram, datagram.size());
    for (const auto& peer : peers) {
      if (peer->address == destination) peer->onDatagram(datagram, now);
    }
  });
  out.clear();
}

void TestCall::step() {
  now = now + TimeDelta::millis(1);
  if (onStep) onStep();
  for (const auto& peer : peers) {
    peer->onTime(now);
    for (std::vector<uint8_t>& datagram : peer->takeOutgoing()) {
      inCore([&] { core.onDatagram(datagram, peer->address, now); });
    }
  }
  inCore([&] {
    if (core.nextDeadline() <= now) core.onTime(now);
  });
  deliver();
}

void TestCall::run(TimeDelta duration) {
  const Timestamp end = now + duration;
  while (now < end) step();
}

uint64_t TestCall::counter(const std::string& name) {
  const control::Reply reply = request(control::GetStatistics{});
  for (const control::Counter& counter : reply.statistics->counters) {
    if (counter.name == name) return counter.value;
  }
  FAIL("no counter " << name);
  return 0;
}

void SimulcastCamera::step(Timestamp now) {
  keyAt_.resize(layers.size(), Timestamp::plusInfinity());
  for (size_t i = 0; i < layers.size(); ++i) {
    const uint32_t ssrc = peer_.ssrcOf(mid_, i);
    const int plis = peer_.pliReceived[ssrc];
    if (plis != seenPlis_[ssrc]) keyAt_[i] = now + encoderDelay;
    seenPlis_[ssrc] = plis;
  }
  if (now < next_) return;
  next_ = now + TimeDelta::micros(33'333);
  // The pattern of three temporal layers: 0 2 1 2.
  constexpr uint8_t temporals[] = {0, 2, 1, 2};
  const uint8_t temporal = temporals[picture_++ % 4];
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].on) {
      key_[i] = true;
      continue;
    }
    if (keyAt_[i] <= now) {
      key_[i] = true;
      keyAt_[i] = Timestamp::plusInfinity();
    }
    ScriptedPeer::VideoFrame video;
    video.size = layers[i].frameBytes;
    // A key frame begins the pattern anew only with the next base picture: wait for it.
    if (key_[i] && temporal == 0) {
      video.keyFrame = true;
      video.width = layers[i].width;
      video.height = layers[i].height;
      video.size = layers[i].frameBytes * 3;
      key_[i] = false;
      ++keyFrames;
    }
    video.temporal = temporal;
    video.layerSync = temporal == 1;
    auto bytes = peer_.sendVideo(mid_, i, video, now);
    if (record) sent.push_back(std::move(bytes));
  }
}

}  // namespace sotto::test
