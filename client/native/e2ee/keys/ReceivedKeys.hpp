// The media keys of everybody else (docs/e2ee.md section 4): which to take, which to keep, which to forget,
// and whom to ask for one that is missing.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "client/native/e2ee/keys/KeyActions.hpp"
#include "media/base/Units.hpp"

namespace sotto::client::e2ee {

/// Pure: events and the time in, actions out. Who may be believed is decided by its caller; here it is only
/// checked that a key is of the device to which the roster gives that sender number.
class ReceivedKeys {
 public:
  /// A key of somebody whom the roster does not show yet is kept this long.
  static constexpr auto keepEarly = base::TimeDelta::seconds(60);
  /// At most so many of one device, and of all. A sender has at most a live and a pending key.
  static constexpr size_t maxEarlyOfDevice = 4, maxEarly = 2'000;
  /// After a newer generation has opened a frame, the older ones stay this long.
  static constexpr auto keepOld = base::TimeDelta::seconds(10);
  /// Of one sender at once: the oldest gives way.
  static constexpr size_t maxGenerations = 4;
  /// Frames without a key for this long make us ask: most often the key is on its way.
  static constexpr auto patience = base::TimeDelta::millis(300);
  /// Between two questions to one device, whatever its frames say; doubled up to the longest for one KID.
  static constexpr auto firstAskInterval = base::TimeDelta::seconds(1);
  static constexpr auto longestAskInterval = base::TimeDelta::seconds(8);
  static constexpr unsigned maxAsks = 8;  ///< for one generation
  /// No such frame for this long: the question has settled itself.
  static constexpr auto wantExpires = base::TimeDelta::seconds(10);

  /// `out` must outlive this. Actions are appended to it.
  explicit ReceivedKeys(KeyActions& out) : out_(out) {}

  /// The roster shows this sender: takes what its device has sent before.
  void present(uint16_t sender, const DeviceId& device, base::Timestamp now);
  void gone(uint16_t sender);
  void clear();

  void arrived(const DeviceId& from, MediaKey key, base::Timestamp now);
  /// A frame's MAC has verified under this key. Cheap enough for every frame.
  void opened(KeyId key, base::Timestamp now);
  /// A frame names a key that is neither installed nor can be ratcheted to.
  void unknown(KeyId key, base::Timestamp now);

  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  bool waitingFor(uint16_t sender) const;

 private:
  struct Generation {
    uint8_t number = 0;
    uint8_t firstStep = 0;  ///< the lowest installed: frames of lower ones are not for us
    base::Timestamp removeAt = base::Timestamp::plusInfinity();
  };
  struct Want {
    KeyId key;
    unsigned asked = 0;
    base::Timestamp askAt, lastSeen;
  };
  struct Sender {
    DeviceId device;
    std::vector<Generation> generations;  ///< in the order of their arrival
    std::optional<Want> want;
    base::Timestamp mayAskAt = base::Timestamp::minusInfinity();
  };
  struct Early {
    DeviceId from;
    MediaKey key;
    base::Timestamp until;
  };

  void install(Sender& sender, MediaKey key, base::Timestamp now);
  void keepForLater(const DeviceId& from, MediaKey key, base::Timestamp now);
  void settle(uint16_t number, Sender& sender);
  void ask(uint16_t number, Sender& sender, base::Timestamp now);

  KeyActions& out_;
  std::map<uint16_t, Sender> senders_;
  std::vector<Early> early_;
};

}  // namespace sotto::client::e2ee
