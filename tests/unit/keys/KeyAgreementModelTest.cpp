// Many agreements over a network that delays and loses, hundreds of joins and leaves from a seed, and an
// adversary who remembers every key that anybody was ever sent.
#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <set>

#include "client/native/e2ee/SuiteCipher.hpp"
#include "client/native/e2ee/keys/MediaKeyAgreement.hpp"
#include "tests/sim/VirtualTime.hpp"
#include "tests/unit/keys/KeysTestSupport.hpp"

namespace sotto::client::e2ee {
namespace {

using base::TimeDelta;
using base::Timestamp;

struct KnownKey {
  KeyId id;
  std::vector<uint8_t> secret;
};

std::vector<uint8_t> bytesOf(const SecretBytes& secret) {
  return {secret.view().begin(), secret.view().end()};
}

/// Whether `wanted` is one of `known`, or what one of them ratchets to.
bool derives(const std::vector<KnownKey>& known, const KnownKey& wanted) {
  for (const KnownKey& key : known) {
    if (key.id.sender != wanted.id.sender || key.id.generation != wanted.id.generation) continue;
    if (key.id.step > wanted.id.step) continue;
    SecretBytes secret{base::ByteView(key.secret)};
    for (unsigned step = key.id.step; step < wanted.id.step; ++step) secret = ratchetKey(secret.view());
    if (secret.equals(wanted.secret)) return true;
  }
  return false;
}

/// From until to, `to` open while it goes on.
struct Span {
  Timestamp from, to = Timestamp::plusInfinity();
};

struct Person {
  DeviceId device;
  std::unique_ptr<MediaKeyAgreement> keys;
  bool here = false;
  uint16_t sender = 0;
  Timestamp rosterAt;  ///< when the last roster event reached it: they come in order
  std::vector<KnownKey> installed;
  std::vector<KnownKey> everSeen;  ///< also after leaving: the adversary in it
  /// What it sealed with, and when.
  std::vector<std::pair<KnownKey, Span>> used;
  /// When, in its own view, another was a member.
  std::map<DeviceId, std::vector<Span>> members;
};

class Model {
 public:
  Model(uint64_t seed, size_t people) : random_(seed) {
    for (size_t i = 0; i < people; ++i) {
      Person& person = people_.emplace_back();
      person.device = device("user" + std::to_string(i));
      person.keys = std::make_unique<MediaKeyAgreement>(random_, frame::Suite::Duo);
    }
    frames();
  }

  void setLoss(uint32_t percent) { lossPercent_ = percent; }
  void churn() {
    Person& person = people_[random_.u32() % people_.size()];
    person.here ? leave(person) : join(person);
  }
  void runFor(int64_t ms) { time_.runFor(TimeDelta::millis(ms)); }
  uint32_t below(uint32_t bound) { return random_.u32() % bound; }
  uint64_t rotations() const { return rotations_; }

  /// Everybody opens the frames of everybody else, as things stand.
  void requireEverybodyOpens() {
    for (Person& sender : people_) {
      if (!sender.here) continue;
      REQUIRE_FALSE(sender.used.empty());
      for (const Person& viewer : people_) {
        if (!viewer.here || &viewer == &sender) continue;
        INFO(viewer.device.user << " sees " << sender.device.user);
        CHECK(derives(viewer.installed, sender.used.back().first));
        CHECK_FALSE(viewer.keys->waitingFor(sender.sender));
      }
    }
  }

  /// Nobody can open what was sealed before it was there, or five seconds after it had been removed; and no
  /// key id stood for two keys.
  void requireSecrecy() {
    for (const Person& sender : people_) {
      std::map<uint64_t, std::vector<uint8_t>> byId;
      for (const auto& [key, span] : sender.used) {
        const auto [known, fresh] = byId.emplace(key.id.value(), key.secret);
        CHECK((fresh || known->second == key.secret));
        for (const Person& other : people_) {
          if (&other == &sender || !derives(other.everSeen, key)) continue;
          INFO(other.device.user << " opens frames of " << sender.device.user << ", key " << key.id.value());
          CHECK(covered(sender, other.device, span));
        }
      }
      for (const RotationReport& report : sender.keys->sending().reports()) {
        if (!report.liveAt) continue;
        for (const RotationReport::Removed& removed : report.removed) {
          CHECK((*report.liveAt - removed.knownAt).ms() <= SendingKeys::liveWithin.ms());
        }
      }
    }
  }

 private:
  /// Whether all of `span` lies within memberships of `device`, each with five seconds added.
  bool covered(const Person& sender, const DeviceId& device, const Span& span) {
    Timestamp reached = span.from;
    const Timestamp end = std::min(span.to, time_.now());
    const auto memberships = sender.members.find(device);
    if (memberships == sender.members.end()) return false;
    for (const Span& member : memberships->second) {
      if (member.from <= reached) reached = std::max(reached, member.to + SendingKeys::liveWithin);
    }
    return reached >= end;
  }

  void join(Person& person) {
    person.here = true;
    person.sender = ++lastSender_;
    std::vector<MediaKeyAgreement::Member> members;
    for (Person& other : people_) {
      if (!other.here || &other == &person) continue;
      members.push_back({other.sender, other.device});
      roster(other, [this, &other, number = person.sender, device = person.device] {
        other.keys->memberJoined({number, device}, time_.now());
        other.members[device].push_back({time_.now()});
      });
    }
    roster(person, [this, &person, members, number = person.sender] {
      person.installed.clear();
      for (const auto& member : members) person.members[member.device].push_back({time_.now()});
      person.keys->joined(number, members, time_.now());
    });
  }

  void leave(Person& person) {
    person.here = false;
    person.keys->left();
    for (auto& [device, spans] : person.members) close(spans);
    for (Person& other : people_) {
      if (!other.here) continue;
      roster(other, [this, &other, number = person.sender, device = person.device] {
        other.keys->memberLeft(number, time_.now());
        close(other.members[device]);
      });
    }
    stopUsing(person);
  }

  void stopUsing(Person& person) {
    if (person.used.empty()) return;
    Timestamp& end = person.used.back().second.to;
    end = std::min(end, time_.now());
  }

  void close(std::vector<Span>& spans) {
    if (!spans.empty()) spans.back().to = std::min(spans.back().to, time_.now());
  }

  /// An event from the server: in order at each, after a while.
  void roster(Person& person, std::function<void()> action) {
    person.rosterAt =
        std::max(person.rosterAt + TimeDelta::micros(1), time_.now() + TimeDelta::millis(5 + below(100)));
    time_.at(person.rosterAt, [this, &person, action = std::move(action), sender = person.sender] {
      if (!person.here || person.sender != sender) return;
      action();
      act(person);
    });
  }

  /// A message from one to another; lost now and then.
  void message(const DeviceId& to, std::function<void(Person&)> deliver) {
    if (below(100) < lossPercent_) return;
    for (Person& person : people_) {
      if (person.device != to) continue;
      time_.after(TimeDelta::millis(10 + below(400)), [this, &person, deliver = std::move(deliver)] {
        deliver(person);
        if (person.here) act(person);
      });
    }
  }

  void act(Person& person) {
    for (KeyAction& action : person.keys->takeActions()) {
      std::visit([&](auto& what) { carryOut(person, what); }, action);
    }
    wake(person);
  }

  void wake(Person& person) {
    const Timestamp due = person.keys->nextDeadline();
    if (due == Timestamp::plusInfinity()) return;
    time_.at(std::max(due, time_.now() + TimeDelta::millis(1)), [this, &person, due] {
      if (!person.here || person.keys->nextDeadline() != due) return;
      person.keys->onTime(time_.now());
      act(person);
    });
  }

  void carryOut(Person& from, SendKey& send) {
    for (const DeviceId& to : send.to) {
      message(to, [this, from = from.device, rotation = send.rotation,
                   known = KnownKey{send.key.id, bytesOf(send.key.secret)}](Person& person) {
        person.everSeen.push_back(known);
        if (!person.here) return;
        person.keys->keyArrived(
            from, {known.id, frame::Suite::Duo, SecretBytes(base::ByteView(known.secret))}, time_.now());
        message(from, [this, rotation, device = person.device](Person& sender) {
          if (sender.here) sender.keys->receipt(device, rotation, time_.now());
        });
      });
    }
  }
  void carryOut(Person& person, UseKey& use) {
    ++rotations_;
    stopUsing(person);
    person.used.push_back({{use.key.id, bytesOf(use.key.secret)}, {time_.now()}});
    unsigned pending = 0;
    for (const RotationReport& report : person.keys->sending().reports()) {
      if (report.key.sender == person.sender && !report.liveAt) ++pending;
    }
    CHECK(pending <= 1);
  }
  void carryOut(Person& person, InstallKey& install) {
    person.installed.push_back({install.key.id, bytesOf(install.key.secret)});
  }
  void carryOut(Person& person, RemoveKeys& remove) {
    std::erase_if(person.installed, [&](const KnownKey& key) {
      return key.id.sender == remove.sender &&
             (!remove.generation || key.id.generation == *remove.generation);
    });
  }
  void carryOut(Person& person, AskForKey& ask) {
    message(ask.of, [this, device = person.device, key = ask.key](Person& sender) {
      if (sender.here) sender.keys->keyAsked(device, key, time_.now());
    });
  }
  template <typename Other>
  void carryOut(Person&, Other&) {}

  /// Everybody sends a frame every 50 ms to all that are there.
  void frames() {
    for (Person& sender : people_) {
      if (!sender.here || sender.used.empty() || sender.used.back().first.id.sender != sender.sender)
        continue;
      const KnownKey& key = sender.used.back().first;
      for (Person& viewer : people_) {
        if (!viewer.here || &viewer == &sender || viewer.used.empty()) continue;
        if (derives(viewer.installed, key)) {
          viewer.keys->frameOpened(key.id, time_.now());
        } else {
          viewer.keys->keyUnknown(key.id, time_.now());
        }
        act(viewer);
      }
    }
    time_.after(TimeDelta::millis(50), [this] { frames(); });
  }

  base::SeededRandom random_;
  sim::VirtualTime time_;
  std::vector<Person> people_;
  uint16_t lastSender_ = 0;
  uint32_t lossPercent_ = 0;
  uint64_t rotations_ = 0;
};

}  // namespace

TEST_CASE(
    "Over hundreds of joins and leaves nobody opens what is not for it, and all who stay open everything") {
  const uint64_t seed = GENERATE(range(1, 9));
  INFO("seed " << seed);
  Model model(seed, 8);
  model.setLoss(seed % 2 == 0 ? 15 : 0);
  for (int i = 0; i < 200; ++i) {
    model.churn();
    // Mostly in quick succession, now and then with time for everything to settle.
    model.runFor(model.below(4) == 0 ? 3'000 + model.below(8'000) : model.below(600));
  }
  model.setLoss(0);
  model.runFor(60'000);
  model.requireEverybodyOpens();
  model.requireSecrecy();
  CHECK(model.rotations() > 200);
}

}  // namespace sotto::client::e2ee
