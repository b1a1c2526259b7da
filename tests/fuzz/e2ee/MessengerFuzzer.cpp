// Messages from a hostile server to a device that has a session with another, over the ends of its process:
// nothing may be taken for a message of that one, and answers stay within their limits.
#include <cstdlib>
#include <memory>

#include "client/native/e2ee/messenger/Messenger.hpp"

using namespace sotto;
using namespace sotto::client::e2ee;

namespace {

struct Device final : DirectoryClient, MessageTransport, MessengerObserver, signal::DeviceStorage {
  explicit Device(const char* user)
      : store(signal::DeviceStore::create({user, "phone"}, random, 1'700'000'000)),
        messenger(std::make_unique<Messenger>(store, *this, *this, *this, random, *this)) {}

  /// The process ends, and another goes on with what is stored.
  void restart(base::Timestamp now) {
    messenger.reset();
    auto stored = signal::DeviceStore::deserialize(store.serialize().view());
    if (!stored) std::abort();
    store = std::move(*stored);
    messenger = std::make_unique<Messenger>(store, *this, *this, *this, random, *this);
    messenger->resume(now);
  }

  void fetchBundles(const std::string&, const std::vector<std::string>&,
                    DirectoryDone<std::vector<DeviceBundle>> done) override {
    if (!other) return done(tl::make_unexpected(DirectoryError{"unreachable", ""}));
    const signal::KeyStore& keys = other->store.keys();
    done(std::vector<DeviceBundle>{
        {"phone", {keys.registrationId(), keys.identity().publicKey, keys.signedPreKey(), std::nullopt}}});
  }
  void listDevices(const std::string&, DirectoryDone<std::vector<std::string>>) override {}
  void putKeys(const DeviceKeys&, DirectoryDone<size_t>) override {}
  void renewSignedPreKey(const signal::PublicSignedPreKey&, DirectoryDone<bool>) override {}
  void addOneTimePreKeys(const std::vector<signal::PublicPreKey>&, DirectoryDone<size_t>) override {}
  void send(OutgoingMessage message, std::function<void(SendOutcome)> done) override {
    ++sent;
    last = std::move(message);
    done({});
  }
  void acknowledge(uint64_t) override {}
  void onBody(const DeviceId&, const MessageId&, Body&) override { ++bodies; }
  base::Expected<void> write(base::ByteView) override { return {}; }

  base::SeededRandom random{1};
  Device* other = nullptr;
  size_t sent = 0, bodies = 0;
  OutgoingMessage last;
  signal::DeviceStore store;
  std::unique_ptr<Messenger> messenger;
};

struct World {
  Device alice{"alice"}, bob{"bob"};
  base::Timestamp now = base::Timestamp::millis(1'000'000);

  /// Bob gets a real message of Alice's.
  World() {
    alice.other = &bob;
    Body body;
    body.group = "g";
    body.what = TextMessage{"hello"};
    alice.messenger->send(body, {bob.store.self()}, 1, true, now);
    now = now + base::TimeDelta::seconds(1);
    alice.messenger->onTime(now);
    if (alice.sent != 1) std::abort();
    bob.messenger->onMessage(incoming(alice.last), now);
    if (bob.bodies != 1) std::abort();
  }
  static IncomingMessage incoming(const OutgoingMessage& message) {
    return {1,
            {"alice", "phone"},
            message.id,
            message.purpose,
            message.group,
            message.recipients[0].type,
            message.recipients[0].body,
            message.shared,
            0};
  }
};

}  // namespace

namespace {

/// What lies in the store is ours, and yet may be damaged.
void readLog(base::ByteView bytes) {
  static base::SeededRandom random(2);
  static auto store = signal::DeviceStore::create({"carol", "phone"}, random, 0);
  for (const char* section : {"sent", "held"}) store.setSection(section, bytes);
  MessageLog log(store);
  if (log.entries().size() > MessageLog::maxSent || log.heldCount() > MessageLog::maxHeld) std::abort();
  log.takeWaiting();
  log.takeHeld();
  for (const char* section : {"sent", "held"}) store.setSection(section, {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto world = std::make_unique<World>();
  if (size < 4) return 0;
  World& w = *world;
  if ((data[0] & 0x60) == 0x60) {
    readLog(base::ByteView(data, size).subspan(1));
    return 0;
  }
  IncomingMessage message = World::incoming(w.alice.last);
  message.id[0] = data[1];
  message.purpose = data[2];
  message.type = static_cast<EnvelopeType>(data[0] % 3);
  const base::ByteView rest(data + 4, size - 4);
  if ((data[0] & 0x80) != 0) {
    // The real message with changes (position, XOR).
    for (size_t i = 0; i + 1 < rest.size(); i += 2)
      message.body[rest[i] % message.body.size()] ^= rest[i + 1];
  } else {
    const size_t split = std::min<size_t>(data[3], rest.size());
    message.shared.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(split));
    message.body.assign(rest.begin() + static_cast<std::ptrdiff_t>(split), rest.end());
  }
  const size_t before = w.bob.sent;
  w.now = w.now + base::TimeDelta::millis(1);
  w.bob.messenger->onMessage(std::move(message), w.now);
  w.bob.messenger->onTime(w.now);
  if ((data[0] & 0x40) != 0) w.bob.restart(w.now);
  if (w.bob.bodies != 1 || w.bob.sent > before + 2) std::abort();
  return 0;
}
