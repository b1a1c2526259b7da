// A ratchet message on the wire, byte for byte as deployed:
//   version byte || protobuf { ratchetKey 1, counter 2, previousCounter 3, ciphertext 4 } || MAC (8 bytes)
// The version byte has the message version (3) in its high half and the highest version that the sender knows
// in its low half: we send 0x33; implementations that know version 4 send 0x34. The MAC covers it.
#pragma once

#include <vector>

#include "client/native/e2ee/signal/PublicKey.hpp"
#include "client/native/e2ee/signal/SecretArray.hpp"

namespace sotto::e2ee::signal {

/// The protocol version of sessions and messages here: X3DH.
constexpr uint8_t protocolVersion = 3;
/// What stands in front of each message that we send.
constexpr uint8_t versionByte = protocolVersion << 4 | protocolVersion;
/// No message is larger. Contents end at 64 KiB (docs/e2ee.md); this leaves as much again.
constexpr size_t maxMessageSize = size_t{128} * 1024;
/// The same for what is given to be sealed: the fields around it take well under 1 KiB.
constexpr size_t maxPlaintextSize = maxMessageSize - 1024;

/// Whose message it is to whom: the MAC covers both identities.
struct MessageParties {
  PublicKey sender;
  PublicKey receiver;
};

class SignalMessage {
 public:
  static constexpr size_t macSize = 8;

  /// The fields of a message.
  struct Fields {
    PublicKey ratchetKey;
    uint32_t counter = 0;
    uint32_t previousCounter = 0;
    std::vector<uint8_t> ciphertext;
  };

  /// Writes a message and its MAC.
  static SignalMessage seal(Fields fields, const Secret32& macKey, const MessageParties& parties);
  /// Malformed, UnsupportedVersion, InvalidKey. Nothing about the message is known to be true yet.
  static Result<SignalMessage> parse(base::ByteView wire);

  const Fields& fields() const { return fields_; }
  base::ByteView wire() const { return wire_; }
  /// In constant time.
  bool hasMac(const Secret32& macKey, const MessageParties& parties) const;

 private:
  Fields fields_;
  std::vector<uint8_t> wire_;
};

/// Checks the byte in front of a message: UnsupportedVersion unless its high half is 3.
Result<void> checkVersion(uint8_t byte);

}  // namespace sotto::e2ee::signal
