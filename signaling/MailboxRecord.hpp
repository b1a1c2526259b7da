// The storage keys and values of mailboxes.
//
//   'b' user device                 -> the next sequence number (8 bytes). Never deleted: numbers never
//   repeat 'm' user device, seq (8 bytes)  -> a message: a line of facts, then the event's JSON without its
//   number 's' user device, message id     -> what a sender was answered, so that a repeated send gets it
//   again 'o' shared id                   -> a sealed body that several messages share (base64) 'r' shared
//   id, 'm' key
//   -> nothing: stands for a message that still needs the shared body 'x' expiry (8 bytes), shared id -> the
//   keys above of one send, to be deleted then
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signaling/DeviceName.hpp"
#include "signaling/KeyMessages.hpp"

namespace sotto::signaling {

/// 8 bytes, big-endian: ordered as the numbers are.
std::string numberBytes(uint64_t number);
/// 0 for what is not 8 bytes.
uint64_t numberOf(std::string_view bytes);

std::string nextSeqKey(const DeviceName& device);
std::string messageKey(const DeviceName& device, uint64_t seq);
/// The message's device and number; nullopt for other keys.
std::optional<std::pair<DeviceName, uint64_t>> parseMessageKey(std::string_view key);
std::string sentKey(const DeviceName& sender, const std::string& messageId);
std::string sharedKey(const std::string& sharedId);
std::string referenceKey(const std::string& sharedId, const std::string& messageKey);
std::string expiryKey(int64_t expiresMs, const std::string& id);

/// A list of keys as one value.
std::string packKeys(const std::vector<std::string>& keys);
std::vector<std::string> unpackKeys(std::string_view packed);

/// What the server itself needs to know of a stored message.
struct MessageFacts {
  int64_t expiresMs = 0;
  size_t bytes = 0;      ///< that it counts for in the mailbox
  std::string sharedId;  ///< empty: the shared body, where there is one, is in the message
};

/// The part of a message that is the same for all recipients, made once for all of them.
std::string messageHead(const DeviceName& from, const SendRequest& request, int64_t timeMs, bool withShared);
/// A message for one of them: the facts in a line, then JSON, so that neither loading nor delivering parses
/// it.
std::string writeMessage(const std::string& head, const Envelope& envelope, const MessageFacts& facts);
MessageFacts readMessageFacts(std::string_view record);
/// A message as its device gets it: the record with its number, and with the shared body that lies apart
/// (empty: none). `asEvent`: the event `message`, else an entry of GET /messages.
std::string messageEvent(std::string_view record, uint64_t seq, const std::string& shared, bool asEvent);

/// What was answered to a send.
std::optional<SendResult> readSendResult(std::string_view json);

}  // namespace sotto::signaling
