// Our own media key over the life of a call (docs/e2ee.md section 4): first drawn on joining, ratcheted when
// somebody joins, drawn afresh when somebody leaves, in use when everybody has it or time is up.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "client/native/e2ee/keys/KeyActions.hpp"
#include "client/native/e2ee/keys/RotationReport.hpp"
#include "media/base/Random.hpp"

namespace sotto::client::e2ee {

/// Pure: events and the time in, actions out. It knows devices that are to have our key, and nothing of
/// rosters, identities or other people's keys.
class SendingKeys {
 public:
  /// Changes within this time make one rotation.
  static constexpr auto coalescing = base::TimeDelta::millis(250);
  /// A key that a removed device never got is live at the latest this long after the removal was known.
  static constexpr auto liveWithin = base::TimeDelta::seconds(5);
  /// A pending key that a removed device has got goes live after this, to make room for one it never gets.
  static constexpr auto pendingAfterRemoval = base::TimeDelta::seconds(2);
  /// A device that asks again is answered again after this.
  static constexpr auto answerInterval = base::TimeDelta::seconds(1);
  /// First wait before a message that could not be delivered is sent again, doubled up to the longest.
  static constexpr auto firstRetry = base::TimeDelta::millis(500);
  static constexpr auto longestRetry = base::TimeDelta::seconds(4);
  /// How many reports are kept.
  static constexpr size_t maxReports = 1'000;

  /// `random` and `out` must outlive this. Actions are appended to `out`.
  SendingKeys(base::Random& random, frame::Suite suite, KeyActions& out)
      : random_(random), suite_(suite), out_(out) {}

  /// Of the keys that are drawn from now on.
  void setSuite(frame::Suite suite) { suite_ = suite; }

  /// Forgets keys and recipients; the reports stay.
  void reset();
  /// We have joined under this number: draws the first key for all who are recipients, live at once.
  void start(uint16_t sender, base::Timestamp now);

  /// A device is to have our key. `present`: in the roster, as opposed to invited; it is waited for from the
  /// next fresh key on. A recipient that comes again is sent the key again.
  void add(const DeviceId& device, bool present, base::Timestamp now);
  /// A device must not have the next key.
  void remove(const DeviceId& device, base::Timestamp now);
  bool isRecipient(const DeviceId& device) const { return recipients_.count(device) > 0; }

  void receipt(const DeviceId& device, uint64_t rotation, base::Timestamp now);
  /// The message could not be delivered. `forGood`: nor will it be (no such device, no keys, a changed
  /// identity); it is not waited for then, nor with later keys, until it acknowledges one. Otherwise it is
  /// sent again after a while.
  void undelivered(const DeviceId& device, uint64_t rotation, bool forGood, base::Timestamp now);
  /// The device has no key for our frames.
  void asked(const DeviceId& device, base::Timestamp now);
  /// The device was out of reach and is back: what it has not acknowledged is sent again.
  void back(const DeviceId& device, base::Timestamp now);

  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  std::optional<KeyId> liveKey() const { return live_ ? std::optional(live_->key.id) : std::nullopt; }
  bool hasPending() const { return pending_.has_value(); }
  /// Changes are collected for a rotation that has not begun.
  bool hasWaiting() const { return !changes_.empty(); }
  /// Oldest first.
  const std::deque<RotationReport>& reports() const { return reports_; }

 private:
  struct Delivery {
    bool receipted = false;
    bool awaited = false;
    base::Timestamp retryAt = base::Timestamp::plusInfinity();
    base::TimeDelta retryAfter = firstRetry;
  };
  /// One generation, at its present step.
  struct Generation {
    Generation();  // declared, for clang takes std::optional of a nested aggregate for not constructible
    MediaKey key;
    uint64_t firstRotation = 0, lastRotation = 0;
    base::Timestamp liveBy;  ///< while pending
    std::map<DeviceId, Delivery> holders;
    bool complete() const;
  };
  struct Removal {
    DeviceId device;
    base::Timestamp knownAt;
    bool wasPresent = false;
  };
  struct Changes {
    base::Timestamp first = base::Timestamp::plusInfinity();
    std::set<DeviceId> newcomers;
    std::vector<Removal> removed;
    bool empty() const { return newcomers.empty() && removed.empty(); }
  };

  void noteChange(base::Timestamp now);
  void rotate(base::Timestamp now);
  void drawFresh(const Changes& changes, base::Timestamp now);
  void ratchet(const std::set<DeviceId>& newcomers, base::Timestamp now);
  void goLive(base::Timestamp now);
  RotationReport& report(RotationReport::Reason reason, const KeyId& key, base::Timestamp now);
  RotationReport* findReport(uint64_t number);
  void send(Generation& generation, const std::vector<DeviceId>& devices);
  void resend(Generation& generation, const DeviceId& device);
  void retryDue(Generation& generation, base::Timestamp now);
  template <typename Function>
  void eachGeneration(Function function);

  base::Random& random_;
  frame::Suite suite_;
  KeyActions& out_;
  std::map<DeviceId, bool> recipients_;  ///< whether present
  std::optional<Generation> live_, pending_;
  Changes changes_;
  std::map<DeviceId, base::Timestamp> answered_;
  std::set<DeviceId> unreachable_;
  std::deque<RotationReport> reports_;
  uint64_t lastRotation_ = 0;
};

}  // namespace sotto::client::e2ee
