// A MediaCore with scripted participants in virtual time: a whole call in one thread without sockets.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "media/room/MediaCore.hpp"
#include "tests/unit/room/ScriptedPeer.hpp"

namespace sotto::test {

/// Repeatable numbers, until the system has none.
class BreakableRandom final : public base::Random {
 public:
  explicit BreakableRandom(uint64_t seed) : numbers_(seed) {}
  void fill(base::MutableByteView out) override {
    if (broken) throw std::runtime_error("no random numbers");
    numbers_.fill(out);
  }
  bool broken = false;

 private:
  base::SeededRandom numbers_;
};

class TestCall final : public room::EventSink {
 public:
  explicit TestCall(control::E2eePolicy e2ee = control::E2eePolicy::Required, uint32_t audioSpeakers = 5,
                    uint64_t seed = 1);

  /// Makes a participant that is not in the room yet: add tracks and slots, then join().
  ScriptedPeer& make(const std::string& name);
  /// CreateEndpoint, then ICE and DTLS until connected. Fails the test when that takes over a second.
  void join(ScriptedPeer& peer);
  void leave(ScriptedPeer& peer);
  control::Reply request(control::RequestBody body);
  /// Wishes for one participant's source in a slot.
  control::SlotWish want(const std::string& mid, const ScriptedPeer& whom, uint32_t maxHeight = 0,
                         uint32_t priority = 0) const;
  void wish(const ScriptedPeer& who, std::vector<control::SlotWish> wishes);

  /// Lets time pass in steps of a millisecond.
  void run(base::TimeDelta duration);
  void step();
  uint64_t counter(const std::string& name);

  void onEvent(const control::Event& event) override { events.push_back(event); }
  template <typename Event>
  std::vector<Event> eventsOf() const {
    std::vector<Event> found;
    for (const auto& event : events) {
      if (const auto* match = std::get_if<Event>(&event)) found.push_back(*match);
    }
    return found;
  }

  BreakableRandom random;
  dtls::Certificate certificate;
  base::DatagramBatch out{1 << 20, 4'096};
  base::Timestamp now = base::Timestamp::millis(1'000'000);
  std::vector<control::Event> events;
  std::vector<std::unique_ptr<ScriptedPeer>> peers;
  room::MediaCore core;
  /// Runs at every millisecond, before datagrams are exchanged.
  std::function<void()> onStep;
  /// Called with true before and with false after each call into the core.
  std::function<void(bool)> aroundCore;
  size_t largestDatagram = 0;

 private:
  void deliver();
  template <typename Action>
  void inCore(Action&& action) {
    if (aroundCore) aroundCore(true);
    action();
    if (aroundCore) aroundCore(false);
  }
  uint64_t nextRequest_ = 1;
};

/// Sends simulcast video of three layers with temporal layers at 30 frames a second: call at every
/// millisecond.
class SimulcastCamera {
 public:
  struct Layer {
    uint16_t width, height;
    size_t frameBytes;
    bool on = true;
  };
  SimulcastCamera(ScriptedPeer& peer, std::string mid, std::vector<Layer> ofLayers)
      : layers(std::move(ofLayers)), peer_(peer), mid_(std::move(mid)), key_(layers.size(), true) {}
  void step(base::Timestamp now);
  std::vector<Layer> layers;
  /// Every frame that was sent, by its bytes.
  std::vector<std::vector<uint8_t>> sent;
  bool record = true;
  int keyFrames = 0;
  base::TimeDelta encoderDelay = base::TimeDelta::millis(30);

 private:
  ScriptedPeer& peer_;
  std::string mid_;
  std::vector<bool> key_;
  std::map<uint32_t, int> seenPlis_;
  std::vector<base::Timestamp> keyAt_;
  uint64_t picture_ = 0;
  base::Timestamp next_ = base::Timestamp::minusInfinity();
};

}  // namespace sotto::test
