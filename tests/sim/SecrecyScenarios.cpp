// What nobody may be able to open: newcomers what was sealed before, the removed what is sealed after, and a
// thief of a device what the call was. Devices, messages and server are the real ones; frames are sealed and
// handed over by the test, to those who may have them and to those who should not.
#include <nlohmann/json.hpp>

#include "client/native/call/SignalingMessages.hpp"
#include "client/native/e2ee/messenger/DirectMessage.hpp"
#include "tests/sim/Scenario.hpp"

namespace sotto::sim {
namespace {

using base::TimeDelta;
using base::Timestamp;
using client::call::AutomaticKeys;
using client::call::CallState;

/// Members without media of their own.
ClientSettings member(const std::string& name) {
  ClientSettings settings = viewer(name, network(0, TimeDelta::millis(25)));
  settings.automaticKeys = true;
  settings.audioSlots = 1;
  settings.videoSlots = 0;
  settings.data = true;
  return settings;
}

struct Recorded {
  SimClient* author;
  Timestamp sealedAt;
  std::vector<uint8_t> bytes;
};

/// Seals a frame of each member every 50 ms, records it, and hands it to everybody else.
class Recorder {
 public:
  explicit Recorder(Simulation& simulation) : simulation_(simulation) { tick(); }
  ~Recorder() { *running_ = false; }

  std::vector<Recorded> frames;
  uint64_t opened = 0;

  static bool opens(SimClient& viewer, const Recorded& frame) {
    std::vector<uint8_t> plain;
    const auto opened = viewer.keys().opener().open(frame.bytes, plain);
    return opened.has_value() || opened.error() == client::e2ee::OpenError::Replay;
  }

 private:
  void tick() {
    std::vector<SimClient*> present;
    for (const auto& client : simulation_.clients()) {
      if (client->session().state() == CallState::Connected && client->keys().sealer().hasKey()) {
        present.push_back(client.get());
      }
    }
    for (SimClient* author : present) {
      Recorded frame{author, simulation_.now(), {}};
      client::e2ee::FrameSealer& sealer = author->keys().sealer();
      frame::FrameMetadata metadata;
      if (!sealer.seal(std::vector<uint8_t>(60, 7), metadata, frame.bytes)) continue;
      for (SimClient* viewer : present) {
        if (viewer != author) hand(*viewer, frame, sealer.keyId());
      }
      frames.push_back(std::move(frame));
    }
    simulation_.time().after(TimeDelta::millis(50), [this, running = running_] {
      if (*running) tick();
    });
  }
  void hand(SimClient& viewer, const Recorded& frame, client::e2ee::KeyId key) {
    std::vector<uint8_t> plain;
    AutomaticKeys& keys = viewer.keys();
    const auto result = keys.opener().open(frame.bytes, plain);
    if (result) {
      ++opened;
      keys.frameOpened(key, simulation_.now());
    } else {
      keys.keyUnknown(key, simulation_.now());
    }
    viewer.settle();
  }

  Simulation& simulation_;
  std::shared_ptr<bool> running_ = std::make_shared<bool>(true);
};

}  // namespace

TEST_CASE("A newcomer who has recorded everything opens no frame from before it was there") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 5));
  INFO("seed " << seed);
  Simulation simulation(seed);
  Recorder recorder(simulation);
  simulation.join(member("Alice"));
  simulation.join(member("Bob"));
  SimClient& leaver = simulation.join(member("Carol"));
  simulation.device("Mallory");
  simulation.runFor(TimeDelta::seconds(3));
  base::SeededRandom random(seed);
  const bool whilePending = seed % 2 == 0;
  if (whilePending) {
    leaver.leave();
    simulation.runFor(TimeDelta::millis(200 + random.u32() % 200));
  }
  const Timestamp before = simulation.now();
  SimClient& mallory = simulation.join(member("Mallory"));
  simulation.runFor(TimeDelta::seconds(8));
  size_t old = 0, fresh = 0;
  for (const Recorded& frame : recorder.frames) {
    if (frame.author == &mallory) continue;
    if (frame.sealedAt <= before) {
      ++old;
      CHECK_FALSE(Recorder::opens(mallory, frame));
    } else if (frame.sealedAt > before + TimeDelta::seconds(6)) {
      INFO("and all of those from when it was");
      ++fresh;
      CHECK(Recorder::opens(mallory, frame));
    }
  }
  CHECK(old > 50);
  CHECK(fresh > 50);
  requireSound(simulation);
}

TEST_CASE(
    "A removed member that still gets every packet opens nothing after the rotation, five seconds at most") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 5));
  INFO("seed " << seed);
  Simulation simulation(seed);
  Recorder recorder(simulation);
  const bool somebodySilent = seed % 2 == 0;
  std::vector<SimClient*> others;
  for (const char* name : {"Alice", "Bob", "Carol"}) {
    ClientSettings settings = member(name);
    // Who is silent is so over the WebSocket.
    settings.data = !somebodySilent || settings.name != "Bob";
    others.push_back(&simulation.join(settings));
  }
  SimClient& mallory = simulation.join(member("Mallory"));
  simulation.runFor(TimeDelta::seconds(4));
  others[1]->setSilent(somebodySilent);
  // A server that takes part: Mallory is off everybody's roster, but hears nothing of it and forgets no key.
  const std::string left = nlohmann::json{
      {"event", "participant-left"},
      {"participant", mallory.session().selfId()},
      {"reason", "removed"}}.dump();
  const Timestamp removedAt = simulation.now();
  for (SimClient* other : others) {
    other->session().onSocketMessage(left, simulation.now());
    other->settle();
  }
  simulation.runFor(TimeDelta::seconds(8));
  for (SimClient* author : others) {
    INFO(author->settings().name);
    const auto& report = author->keys().agreement().sending().reports().back();
    REQUIRE(report.removed.size() == 1);
    REQUIRE(report.liveAt);
    const TimeDelta took = *report.liveAt - removedAt;
    CHECK(took.ms() <= 5'000);
    // Bob's receipts reach nobody, nor does his key: everybody waits for somebody.
    if (!somebodySilent) CHECK(took.ms() <= 500);
    size_t after = 0, before = 0;
    for (const Recorded& frame : recorder.frames) {
      if (frame.author != author || frame.sealedAt < removedAt) continue;
      // What it opened as it came is a replay by now.
      const bool opens = Recorder::opens(mallory, frame);
      if (frame.sealedAt >= *report.liveAt) {
        ++after;
        CHECK_FALSE(opens);
      } else {
        before += opens ? 1 : 0;
      }
    }
    CHECK(after > 20);
    INFO("it did have the key from before");
    CHECK(before > 0);
  }
}

TEST_CASE("A device that is stolen after the call opens nothing of it, with all that was ever recorded") {
  const uint64_t seed = GENERATE(range(firstSeed, firstSeed + 3));
  INFO("seed " << seed);
  Simulation simulation(seed);
  Recorder recorder(simulation);
  SimClient& alice = simulation.join(member("Alice"));
  SimClient& bob = simulation.join(member("Bob"));
  SimClient& carol = simulation.join(member("Carol"));
  simulation.runFor(TimeDelta::seconds(3));
  carol.leave();
  simulation.runFor(TimeDelta::seconds(3));
  for (SimClient* each : {&alice, &bob}) each->leave();
  simulation.runFor(TimeDelta::seconds(2));
  REQUIRE(bob.session().state() == CallState::Left);
  CHECK_FALSE(bob.keys().sealer().hasKey());
  // All that the thief has: the device's whole state, and every sealed message that ever came to it.
  auto store = client::e2ee::signal::DeviceStore::deserialize(bob.device().store.serialize().view());
  REQUIRE(store);
  base::SeededRandom random(seed);
  size_t tried = 0;
  const auto tryToOpen = [&](const client::e2ee::IncomingMessage& message) {
    const auto type = message.type == client::e2ee::EnvelopeType::PreKey
                          ? client::e2ee::signal::CiphertextMessage::Type::PreKey
                          : client::e2ee::signal::CiphertextMessage::Type::Signal;
    ++tried;
    CHECK_FALSE(store->decrypt(message.from, type, message.body, random));
  };
  for (const std::string& text : bob.recordedMessages()) {
    const auto parsed = client::call::parseServerMessage(text);
    REQUIRE(parsed);
    const auto* event = std::get_if<client::call::DeviceMessage>(&*parsed);
    REQUIRE(event != nullptr);
    tryToOpen(event->message);
  }
  CHECK(tried >= 3);
  INFO("and those that came over the data channel");
  size_t direct = 0;
  for (const SimClient::Data& data : bob.data()) {
    const auto message = client::e2ee::decodeDirect(data.payload, {data.from, SimServer::deviceName});
    REQUIRE(message);
    ++direct;
    tryToOpen(*message);
  }
  CHECK(direct >= 2);
  size_t frames = 0;
  for (const Recorded& frame : recorder.frames) {
    ++frames;
    std::vector<uint8_t> plain;
    CHECK_FALSE(bob.keys().opener().open(frame.bytes, plain));
  }
  CHECK(frames > 100);
}

}  // namespace sotto::sim
