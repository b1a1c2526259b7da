// Media keys in a call (docs/e2ee.md section 4): who is there and whom we trust, our own key and those of the
// others, put together. It sends nothing and reads no clock: events and the time in, actions out.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "client/native/e2ee/keys/ReceivedKeys.hpp"
#include "client/native/e2ee/keys/SendingKeys.hpp"

namespace sotto::client::e2ee {

class MediaKeyAgreement {
 public:
  /// Another member of the call, as the server's roster has it.
  struct Member {
    uint16_t sender = 0;
    DeviceId device;
  };

  /// `random` must outlive this, and must be the system's generator outside of simulations.
  MediaKeyAgreement(base::Random& random, frame::Suite suite);

  /// Of our own keys from now on; before joined().
  void setSuite(frame::Suite suite) { sending_.setSuite(suite); }
  MediaKeyAgreement(const MediaKeyAgreement&) = delete;
  MediaKeyAgreement& operator=(const MediaKeyAgreement&) = delete;

  // ---- who is there
  /// We have joined afresh (not: resumed), under this number, among these. Everything from before is
  /// forgotten but who is blocked.
  void joined(uint16_t self, const std::vector<Member>& members, base::Timestamp now);
  /// The call is over for us: all keys are forgotten, ours too. What else waited to be done is dropped.
  void left();
  void memberJoined(const Member& member, base::Timestamp now);
  void memberLeft(uint16_t sender, base::Timestamp now);
  /// The member's connection to the server was gone and is back.
  void memberBack(uint16_t sender, base::Timestamp now);
  /// All devices of all users who are invited and not here yet; the list replaces the one before.
  void setInvited(const std::vector<DeviceId>& devices, base::Timestamp now);

  // ---- whom we trust
  /// The device's identity key is not the one we know: no key goes to it, and none is taken from it.
  void block(const DeviceId& device, base::Timestamp now);
  /// The user has accepted the device's present identity.
  void accept(const DeviceId& device, base::Timestamp now);
  bool isBlocked(const DeviceId& device) const { return blocked_.count(device) > 0; }

  // ---- messages
  /// A key message, opened in the session with `from`.
  void keyArrived(const DeviceId& from, MediaKey key, base::Timestamp now);
  /// A key request for the key with this id.
  void keyAsked(const DeviceId& from, KeyId key, base::Timestamp now);
  void receipt(const DeviceId& from, uint64_t rotation, base::Timestamp now);
  /// See SendingKeys::undelivered.
  void undelivered(const DeviceId& device, uint64_t rotation, bool forGood, base::Timestamp now);

  // ---- frames
  void frameOpened(KeyId key, base::Timestamp now) { received_.opened(key, now); }
  void keyUnknown(KeyId key, base::Timestamp now) { received_.unknown(key, now); }

  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;
  bool hasActions() const { return !actions_.empty(); }
  /// What is to be done, in this order; empties the list.
  KeyActions takeActions();

  const SendingKeys& sending() const { return sending_; }
  bool waitingFor(uint16_t sender) const { return received_.waitingFor(sender); }
  const std::map<uint16_t, DeviceId>& members() const { return members_; }

 private:
  void forget();
  bool isMember(const DeviceId& device) const;
  void stopSendingTo(const DeviceId& device, base::Timestamp now);

  KeyActions actions_;
  SendingKeys sending_;
  ReceivedKeys received_;
  std::map<uint16_t, DeviceId> members_;
  std::set<DeviceId> invited_, blocked_;
  uint16_t self_ = 0;
};

}  // namespace sotto::client::e2ee
