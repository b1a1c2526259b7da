// Messengers in one process, with a directory and a network that do what a test tells them.
#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/native/e2ee/messenger/DeviceRegistration.hpp"
#include "client/native/e2ee/messenger/Messenger.hpp"

namespace sotto::client::e2ee {

inline base::Timestamp at(int64_t milliseconds) {
  return base::Timestamp::millis(1'000'000'000 + milliseconds);
}

/// Keeps the state in memory; may be told to fail.
class TestStorage final : public signal::DeviceStorage {
 public:
  bool broken = false;
  unsigned writes = 0;

 protected:
  base::Expected<void> write(base::ByteView state) override {
    if (broken) return base::fail("disk full");
    ++writes;
    last.assign(state.begin(), state.end());
    return {};
  }

 public:
  std::vector<uint8_t> last;  ///< what a crash now would leave
};

/// A directory that all share. Answers from within unless it is `slow`.
class TestDirectory final : public DirectoryClient {
 public:
  std::map<DeviceId, DeviceKeys> devices;
  std::optional<DirectoryError> error;
  bool slow = false;
  std::vector<std::function<void()>> waiting;
  unsigned fetches = 0;

  void answer() {
    for (const auto& reply : std::exchange(waiting, {})) reply();
  }

  void fetchBundles(const std::string& user, const std::vector<std::string>& names,
                    DirectoryDone<std::vector<DeviceBundle>> done) override {
    ++fetches;
    auto reply = [this, user, names, done] {
      if (error) return done(tl::make_unexpected(*error));
      std::vector<DeviceBundle> bundles;
      for (const std::string& name : names) {
        const auto known = devices.find({user, name});
        if (known != devices.end()) bundles.push_back({name, hand(known->second)});
      }
      done(std::move(bundles));
    };
    if (slow) {
      waiting.push_back(reply);
    } else {
      reply();
    }
  }
  void listDevices(const std::string& user, DirectoryDone<std::vector<std::string>> done) override {
    std::vector<std::string> names;
    for (const auto& [device, keys] : devices) {
      if (device.user == user) names.push_back(device.device);
    }
    done(names);
  }
  void putKeys(const DeviceKeys& keys, DirectoryDone<size_t> done) override {
    devices[registering] = keys;
    done(keys.oneTimePreKeys.size());
  }
  void renewSignedPreKey(const signal::PublicSignedPreKey& key, DirectoryDone<bool> done) override {
    devices[registering].signedPreKey = key;
    done(true);
  }
  void addOneTimePreKeys(const std::vector<signal::PublicPreKey>& keys, DirectoryDone<size_t> done) override {
    auto& have = devices[registering].oneTimePreKeys;
    have.insert(have.end(), keys.begin(), keys.end());
    done(have.size());
  }

  DeviceId registering;  ///< whose token the next registration carries

 private:
  static signal::PreKeyBundle hand(DeviceKeys& keys) {
    signal::PreKeyBundle bundle{keys.registrationId, keys.identityKey, keys.signedPreKey, std::nullopt};
    if (!keys.oneTimePreKeys.empty()) {
      bundle.oneTimePreKey = keys.oneTimePreKeys.front();
      keys.oneTimePreKeys.erase(keys.oneTimePreKeys.begin());
    }
    return bundle;
  }
};

struct Peer;

/// Carries messages when the test says so, in order.
class TestNetwork {
 public:
  struct Parcel {
    DeviceId to;
    IncomingMessage message;
  };
  std::map<DeviceId, Peer*> peers;
  std::deque<Parcel> parcels;
  std::set<DeviceId> offline;
  base::Timestamp now = at(0);
  uint64_t lastSeq = 0;

  SendOutcome take(const DeviceId& from, const OutgoingMessage& message) {
    SendOutcome outcome;
    for (const Envelope& envelope : message.recipients) {
      if (peers.count(envelope.to) == 0 || (!message.store && offline.count(envelope.to) > 0)) {
        outcome.unknown.push_back(envelope.to);
        continue;
      }
      parcels.push_back({envelope.to,
                         {message.store ? ++lastSeq : 0, from, message.id, message.purpose, message.group,
                          envelope.type, envelope.body, message.shared, 0}});
    }
    return outcome;
  }
  /// Delivers until nothing is on its way, letting messengers' own deadlines pass.
  void run();
  void deliverOne();
};

/// One device with everything.
struct Peer : MessengerObserver, MessageTransport {
  struct Got {
    DeviceId from;
    MessageId id{};
    Purpose purpose = Purpose::Text;
    std::string text;  ///< of a text; of a key message the key's first byte in decimal
  };

  Peer(TestNetwork& theNetwork, TestDirectory& theDirectory, const std::string& user, uint64_t seed)
      : network(theNetwork),
        directory(theDirectory),
        random(seed),
        store(signal::DeviceStore::create({user, "phone"}, random, 1'700'000'000)) {
    enroll();
    network.peers[id()] = this;
  }

  const DeviceId& id() const { return store.self(); }
  void enroll() {
    directory.registering = id();
    DeviceRegistration(store, storage, directory, random).registerDevice([](const std::string&) {});
    messenger = std::make_unique<Messenger>(store, storage, directory, *this, random, *this);
  }
  /// The device starts from nothing: another identity, registered under its old name.
  void wipe() {
    store = signal::DeviceStore::create(id(), random, 1'700'000'000);
    enroll();
  }
  /// The process ends as in a crash, and another begins with what was stored.
  void restart() {
    REQUIRE_FALSE(storage.last.empty());
    messenger.reset();
    store = *signal::DeviceStore::deserialize(storage.last);
    messenger = std::make_unique<Messenger>(store, storage, directory, *this, random, *this);
    messenger->resume(network.now);
  }
  void sendText(const std::vector<DeviceId>& to, const std::string& text, uint64_t token = 0) {
    Body body;
    body.group = "chat";
    body.what = TextMessage{text};
    messenger->send(body, to, token, /*store=*/true, network.now);
  }
  void sendKey(const std::vector<DeviceId>& to, uint8_t fill, uint64_t token = 0) {
    Body body;
    body.group = "00112233445566778899aabbccddeeff";
    MediaKey key{{1, 0, 0}, frame::Suite::Duo, SecretBytes(32)};
    std::fill(key.secret.writable().begin(), key.secret.writable().end(), fill);
    body.what = std::move(key);
    messenger->send(body, to, token, /*store=*/false, network.now);
  }

  // MessengerObserver
  void onBody(const DeviceId& from, const MessageId& message, Body& body) override {
    Got entry{from, message, body.purpose(), ""};
    if (const auto* text = std::get_if<TextMessage>(&body.what)) entry.text = text->text;
    if (const auto* key = std::get_if<MediaKey>(&body.what))
      entry.text = std::to_string(key->secret.view()[0]);
    got.push_back(entry);
  }
  void onReceipt(const DeviceId& from, uint64_t token) override { receipts.emplace_back(from, token); }
  void onUndelivered(const DeviceId& to, uint64_t, Undelivered why) override {
    undelivered.emplace_back(to, why);
  }
  void onIdentityChanged(const DeviceId& device, const signal::PublicKey&) override {
    changed.push_back(device);
  }
  void onMessengerWarning(const std::string& text) override { warnings.push_back(text); }
  // MessageTransport
  void send(OutgoingMessage message, std::function<void(SendOutcome)> done) override {
    sent.push_back(message);
    done(network.take(id(), message));
  }
  void acknowledge(uint64_t upTo) override { acknowledged = upTo; }

  TestNetwork& network;
  TestDirectory& directory;
  base::SeededRandom random;
  signal::DeviceStore store;
  TestStorage storage;
  std::unique_ptr<Messenger> messenger;
  std::vector<Got> got;
  std::vector<std::pair<DeviceId, uint64_t>> receipts;
  std::vector<std::pair<DeviceId, Undelivered>> undelivered;
  std::vector<DeviceId> changed;
  std::vector<std::string> warnings;
  std::vector<OutgoingMessage> sent;
  uint64_t acknowledged = 0;
};

inline void TestNetwork::deliverOne() {
  Parcel parcel = std::move(parcels.front());
  parcels.pop_front();
  peers.at(parcel.to)->messenger->onMessage(std::move(parcel.message), now);
}

inline void TestNetwork::run() {
  for (int round = 0; round < 10'000; ++round) {
    while (!parcels.empty()) deliverOne();
    base::Timestamp next = base::Timestamp::plusInfinity();
    for (const auto& [name, peer] : peers) next = std::min(next, peer->messenger->nextDeadline());
    if (next == base::Timestamp::plusInfinity()) return;
    now = std::max(now, next);
    for (const auto& [name, peer] : peers) peer->messenger->onTime(now);
  }
}

/// Alice, Bob and Carol, all registered.
struct Three {
  TestNetwork network;
  TestDirectory directory;
  Peer alice{network, directory, "alice", 1}, bob{network, directory, "bob", 2},
      carol{network, directory, "carol", 3};
};

}  // namespace sotto::client::e2ee
