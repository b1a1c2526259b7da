// What a messenger needs of the world: a key directory to ask, a way for sealed messages, and somebody to
// tell.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/native/e2ee/content/Content.hpp"
#include "client/native/e2ee/keys/DeviceId.hpp"
#include "client/native/e2ee/signal/PreKeyBundle.hpp"

namespace sotto::client::e2ee {

// ---- the key directory -------------------------------------------------------------------------------

struct DirectoryError {
  std::string code;     ///< the directory's, or "unreachable"
  std::string message;  ///< for a person
};
template <typename T>
using DirectoryResult = tl::expected<T, DirectoryError>;
template <typename T>
using DirectoryDone = std::function<void(DirectoryResult<T>)>;

struct DeviceBundle {
  std::string device;
  signal::PreKeyBundle bundle;
};
struct DeviceKeys {
  signal::PublicKey identityKey;
  uint32_t registrationId = 0;
  signal::PublicSignedPreKey signedPreKey;
  std::vector<signal::PublicPreKey> oneTimePreKeys;
};

/// Each answers through `done`, once, later or from within. What cannot be read counts as an error.
class DirectoryClient {
 public:
  virtual ~DirectoryClient() = default;
  /// Bundles of the named devices of a user; those that the directory does not know are missing.
  virtual void fetchBundles(const std::string& user, const std::vector<std::string>& devices,
                            DirectoryDone<std::vector<DeviceBundle>> done) = 0;
  /// Names of all devices of a user.
  virtual void listDevices(const std::string& user, DirectoryDone<std::vector<std::string>> done) = 0;
  /// Registers this device. Answers how many one-time prekeys the directory has.
  virtual void putKeys(const DeviceKeys& keys, DirectoryDone<size_t> done) = 0;
  virtual void renewSignedPreKey(const signal::PublicSignedPreKey& key, DirectoryDone<bool> done) = 0;
  virtual void addOneTimePreKeys(const std::vector<signal::PublicPreKey>& keys,
                                 DirectoryDone<size_t> done) = 0;
};

// ---- sealed messages ---------------------------------------------------------------------------------

enum class EnvelopeType : uint8_t { PreKey, Signal, Error };

struct Envelope {
  DeviceId to;
  EnvelopeType type = EnvelopeType::Signal;
  std::vector<uint8_t> body;
};

/// Purpose of messages that carry no body, in the clear: receipts and error receipts.
constexpr uint32_t purposeReceipt = 0;
/// Their group: the server requires one.
constexpr const char* groupReceipt = "receipt";

struct OutgoingMessage {
  MessageId id{};
  uint32_t purpose = purposeReceipt;
  std::string group;
  std::vector<uint8_t> shared;  ///< empty: none
  std::vector<Envelope> recipients;
  bool store = true;
};

struct IncomingMessage {
  uint64_t seq = 0;  ///< 0: not stored, nothing to acknowledge
  DeviceId from;
  MessageId id{};
  uint32_t purpose = 0;
  std::string group;
  EnvelopeType type = EnvelopeType::Signal;
  std::vector<uint8_t> body, shared;
  uint64_t timeMs = 0;  ///< when the server accepted it, Unix time
  bool direct = false;  ///< it came over the data channel
};

/// What became of a message, as far as the server knows.
struct SendOutcome {
  std::optional<std::string> error;  ///< nothing was accepted; why, for a person
  std::vector<DeviceId> unknown;     ///< not registered or, when not stored, not connected
  std::vector<DeviceId> full;        ///< their mailboxes take no more
};

class MessageTransport {
 public:
  virtual ~MessageTransport() = default;
  /// `done` later or from within; for a message that goes several ways once for each, or not at all.
  virtual void send(OutgoingMessage message, std::function<void(SendOutcome)> done) = 0;
  /// The device has opened this message, as its receipt says.
  virtual void arrived(const DeviceId& /*by*/, const MessageId& /*id*/) {}
  /// A message was opened; or (`again`) has come a second time.
  virtual void came(const IncomingMessage& /*message*/, bool /*again*/) {}
  /// Everything up to this number may be deleted.
  virtual void acknowledge(uint64_t upTo) = 0;
};

// ---- what comes of it --------------------------------------------------------------------------------

enum class Undelivered : uint8_t {
  OutOfReach,       ///< not connected, or the server could not be asked; may pass
  MailboxFull,      ///< may pass
  NoKeys,           ///< no such device, or it has registered no keys
  IdentityChanged,  ///< held until the user accepts the identity (key messages are dropped)
  BadKeys,          ///< the directory gave keys that are not signed, or no keys at all
};
const char* toString(Undelivered why);

class MessengerObserver {
 public:
  virtual ~MessengerObserver() = default;
  /// A message was opened. `body` may be moved from.
  virtual void onBody(const DeviceId& /*from*/, const MessageId& /*id*/, Body& /*body*/) {}
  /// The device has opened what was sent with this token.
  virtual void onReceipt(const DeviceId& /*from*/, uint64_t /*token*/) {}
  virtual void onUndelivered(const DeviceId& /*to*/, uint64_t /*token*/, Undelivered /*why*/) {}
  /// The identity key is not the pinned one: nothing goes out, nothing is taken, until acceptIdentity.
  virtual void onIdentityChanged(const DeviceId& /*device*/, const signal::PublicKey& /*now*/) {}
  /// The directory has answered: nextDeadline() is now, outside of any call into the messenger.
  virtual void onMessengerWork() {}
  /// One sentence for a person.
  virtual void onMessengerWarning(const std::string& /*message*/) {}
};

}  // namespace sotto::client::e2ee
