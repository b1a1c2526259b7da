// How a sealed message travels over the data channel (docs/e2ee.md section 3, docs/data-channel.md): what the
// WebSocket says in JSON stands before the same sealed bytes. The payload of a data message of kind 1:
//   format u8 (1) | type u8 (0 prekey, 1 signal) | purpose u8 (0 receipt, 1 media key) | message id (16)
//   | length of group u8 (1..64) | group | length of shared u16 | shared | body, the rest
// `shared` is the sealed body of the one-time-key form, `body` the message of the pairwise Signal session.
// Who sent it is not in it: the server says so, and only a session with that very device opens it.
#pragma once

#include <string>
#include <vector>

#include "client/native/e2ee/messenger/MessengerPorts.hpp"
#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::e2ee {

/// Without group, shared body and body.
constexpr size_t directHeaderSize = 1 + 1 + 1 + 16 + 1 + 2;

enum class DirectMessageError : uint8_t {
  Truncated,      ///< it ends before its body begins
  UnknownFormat,  ///< newer than us
  NotForThisWay,  ///< a type or purpose that goes by the WebSocket alone
  OutOfBounds,    ///< no group, one too long, or a receipt with a shared body
};
const char* toString(DirectMessageError error);

/// The part of `message` that is for `to`. Empty when it does not fit this form.
std::vector<uint8_t> encodeDirect(const OutgoingMessage& message, const Envelope& to);
/// As it came from `from`; not stored, so without a number.
tl::expected<IncomingMessage, DirectMessageError> decodeDirect(base::ByteView payload, const DeviceId& from);

}  // namespace sotto::client::e2ee
