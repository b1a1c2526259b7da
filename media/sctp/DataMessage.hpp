// The header of a data message between a client and the server (docs/data-channel.md):
//   version u8 (1) | kind u8 | peer u16 | payload
// `peer` is the destination's sender number on the way to the server (0: everyone else in the room), and the
// origin's on the way from it. The payload is sealed by the clients and never looked at by the server.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

#include "media/base/Bytes.hpp"

namespace sotto::sctp {

/// The channels that every client opens: reliable and ordered; unordered and never sent again.
inline constexpr std::string_view reliableLabel = "sotto";
inline constexpr std::string_view lossyLabel = "sotto-lossy";

inline constexpr size_t dataHeaderSize = 4;
/// Whole messages, header included. The first is also our a=max-message-size.
inline constexpr size_t maxReliableMessage = 65'536;
/// Two packets at most: a longer one would hardly ever arrive whole.
inline constexpr size_t maxLossyMessage = 1'200;

/// Only for those who open the payload: the server forwards both alike.
enum class DataKind : uint8_t { Data = 0, Key = 1 };
enum class DataMessageError : uint8_t { Truncated, UnknownVersion, UnknownKind };

struct DataMessage {
  DataKind kind = DataKind::Data;
  uint16_t peer = 0;
  base::ByteView payload;
};
/// The payload points into `message`.
tl::expected<DataMessage, DataMessageError> parseDataMessage(base::ByteView message);
/// What stands before the payload.
std::array<uint8_t, dataHeaderSize> dataHeader(DataKind kind, uint16_t peer);

}  // namespace sotto::sctp
