// Media keys that the devices agree on themselves: the agreement (docs/e2ee.md section 4) on top of the
// messenger, at work in a call. Knows nothing of WebSockets: a KeyLink carries its messages.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/e2ee/KeyProvider.hpp"
#include "client/native/e2ee/keys/MediaKeyAgreement.hpp"
#include "client/native/e2ee/messenger/DeviceRegistration.hpp"
#include "client/native/e2ee/messenger/MessageWays.hpp"
#include "client/native/e2ee/messenger/Messenger.hpp"
#include "client/native/e2ee/signal/CallCode.hpp"

namespace sotto::client::call {

/// What the keys ask of the call around them. None may call back into the keys.
class KeyLink {
 public:
  virtual ~KeyLink() = default;
  virtual void sendMessage(e2ee::OutgoingMessage message, std::function<void(e2ee::SendOutcome)> done) = 0;
  /// A key message or receipt to this participant's data channel; false when it cannot go there.
  virtual bool sendDirect(uint16_t sender, base::ByteView payload, base::Timestamp now) = 0;
  /// Between us and the server; zero when unknown.
  virtual base::TimeDelta roundTrip() const = 0;
  virtual void acknowledgeMessages(uint64_t upTo) = 0;
  /// The next frame of every layer has to be a key frame.
  virtual void keyFramesNeeded() = 0;
  virtual void keysWaiting(uint16_t sender, bool waiting) = 0;
  virtual void keysRotated(const e2ee::RotationReport& report) = 0;
  virtual void identityChanged(const e2ee::DeviceId& device) = 0;
  /// A message that is not about this call's keys.
  virtual void deviceMessage(const e2ee::DeviceId& from, const e2ee::MessageId& id, e2ee::Body& body) = 0;
  virtual void keysWarning(const std::string& message) = 0;
  /// Something has come from the directory: onTime is due.
  virtual void keysHaveWork() = 0;
};

class AutomaticKeys final : public e2ee::KeyProvider,
                            private e2ee::MessengerObserver,
                            private e2ee::MessageTransport,
                            private e2ee::MessageCarrier {
 public:
  /// Key messages of calls that we have not heard of yet, kept for a moment.
  static constexpr size_t maxEarly = 512;

  /// References must outlive this. `random`: the system's generator outside of simulations.
  AutomaticKeys(const CallDevice& device, frame::Suite suite, base::Random& random, KeyLink& link);
  ~AutomaticKeys() override;

  // ---- the call
  /// A socket has been opened: messages may come before the answer to join, and wait for it.
  void connecting() { joining_ = true; }
  /// The answer to join has come: which call it is (`room.call`). After a fresh join joined() follows.
  void setCall(const std::string& callId);
  void setSuite(frame::Suite suite) override {
    KeyProvider::setSuite(suite);
    agreement_.setSuite(suite);
  }
  /// The session goes on as it was: what came meanwhile is looked at.
  void resumed(base::Timestamp now);
  e2ee::PublishedKeyInfo joined(uint16_t self, const std::vector<e2ee::KeyMember>& others,
                                base::Timestamp now) override;
  void memberPresent(const e2ee::KeyMember& member, base::Timestamp now) override;
  void memberLeft(uint16_t sender, base::Timestamp now) override;
  void frameOpened(e2ee::KeyId key, base::Timestamp now) override;
  void keyUnknown(e2ee::KeyId key, base::Timestamp now) override;
  /// Users who are invited and not here: their devices are looked up.
  void setInvited(const std::vector<std::string>& users, base::Timestamp now);
  /// The call is over.
  void left();

  // ---- messages
  void onMessage(e2ee::IncomingMessage message, base::Timestamp now);
  /// A data message of kind 1 has come, of the participant `origin` as the server says.
  void onDirect(uint16_t origin, base::ByteView payload, base::Timestamp now);
  /// Our data channel is gone.
  void channelLost(base::Timestamp now);
  /// The server has answered to a message that was sent through the link.
  void outcome(const std::function<void(e2ee::SendOutcome)>& done, const e2ee::SendOutcome& outcome,
               base::Timestamp now);
  void preKeysLow(size_t remaining);
  /// The user accepts the present identity of a device.
  void acceptIdentity(const e2ee::DeviceId& device, base::Timestamp now);

  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  /// The code of the whole call (docs/e2ee.md section 6); nothing while an identity is not known yet.
  std::optional<e2ee::signal::CallCode> callCode() const;
  const e2ee::MediaKeyAgreement& agreement() const { return agreement_; }
  const e2ee::Messenger& messenger() const { return messenger_; }
  e2ee::Messenger& messenger() { return messenger_; }
  KeyMessageStatistics messageStatistics() const;

 private:
  struct Early {
    e2ee::DeviceId from;
    std::string group;
    e2ee::MediaKey key;
  };
  struct Listing {
    uint64_t number = 0;
    size_t missing = 0;  ///< users whose devices are not known yet
    std::vector<e2ee::DeviceId> devices;
  };

  void act();
  void carryOut(e2ee::SendKey& action);
  void carryOut(e2ee::UseKey& action);
  void carryOut(e2ee::InstallKey& action);
  void carryOut(e2ee::RemoveKeys& action);
  void carryOut(e2ee::ForceKeyFrame& action);
  void carryOut(e2ee::AskForKey& action);
  void carryOut(e2ee::WaitingForKeys& action);
  void carryOut(e2ee::RotationNews& action);
  void reach(const e2ee::KeyMember& member);
  void takeEarly();
  void onKeyMessage(const e2ee::DeviceId& from, const std::string& group, e2ee::MediaKey key);
  void onListed(uint64_t number, const std::string& user,
                const e2ee::DirectoryResult<std::vector<std::string>>& devices);

  // MessengerObserver
  void onBody(const e2ee::DeviceId& from, const e2ee::MessageId& id, e2ee::Body& body) override;
  void onReceipt(const e2ee::DeviceId& from, uint64_t token) override;
  void onUndelivered(const e2ee::DeviceId& to, uint64_t token, e2ee::Undelivered why) override;
  void onIdentityChanged(const e2ee::DeviceId& device, const e2ee::signal::PublicKey& now) override;
  void onMessengerWork() override;
  void onMessengerWarning(const std::string& message) override;
  // MessageTransport
  void send(e2ee::OutgoingMessage message, std::function<void(e2ee::SendOutcome)> done) override;
  void arrived(const e2ee::DeviceId& by, const e2ee::MessageId& id) override;
  void came(const e2ee::IncomingMessage& message, bool again) override;
  void acknowledge(uint64_t upTo) override;
  // MessageCarrier
  void sendBySocket(e2ee::OutgoingMessage message, std::function<void(e2ee::SendOutcome)> done) override;
  bool sendDirect(uint16_t sender, base::ByteView payload) override;
  base::TimeDelta roundTrip() const override;

  KeyLink& link_;
  e2ee::signal::DeviceStore& store_;
  e2ee::DirectoryClient& directory_;
  e2ee::DeviceRegistration registration_;
  e2ee::MediaKeyAgreement agreement_;
  e2ee::Messenger messenger_;
  e2ee::MessageWays ways_;
  uint64_t refusedDirect_ = 0;
  std::string callId_;
  base::Timestamp now_;
  bool joining_ = true;
  bool acting_ = false;
  std::map<uint16_t, bool> connected_;
  std::vector<Early> early_;
  Listing listing_;
  std::optional<std::vector<e2ee::DeviceId>> listed_;  ///< complete, to be told to the agreement
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace sotto::client::call
