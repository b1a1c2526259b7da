// The Data Channel Establishment Protocol (RFC 8832): one message opens a channel on a stream, one confirms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "media/base/Bytes.hpp"

namespace sotto::sctp {

/// What a channel is and how it delivers (RFC 8831 section 6.4).
struct ChannelParameters {
  std::string label;
  std::string protocol;
  bool ordered = true;
  /// At most one of these; neither: reliable.
  std::optional<uint16_t> maxRetransmits;
  std::optional<uint32_t> maxLifetimeMs;
  bool operator==(const ChannelParameters&) const = default;

  bool reliable() const { return !maxRetransmits && !maxLifetimeMs; }
};

enum class DcepError : uint8_t {
  Truncated,       ///< shorter than it says
  UnknownMessage,  ///< neither OPEN nor ACK
  UnknownChannel,  ///< a channel type that does not exist
  TooLong,         ///< a label or protocol over maxDcepText bytes
  TrailingBytes,   ///< longer than it says
};

/// Longest label and protocol that are taken, bytes.
inline constexpr size_t maxDcepText = 256;

/// Sections 5.1 and 5.2, by their first byte.
enum class DcepMessage : uint8_t { Ack = 0x02, Open = 0x03 };
/// Which of the two it is.
tl::expected<DcepMessage, DcepError> dcepMessage(base::ByteView message);
/// Of a DATA_CHANNEL_OPEN (section 5.1).
tl::expected<ChannelParameters, DcepError> parseOpen(base::ByteView message);
/// Texts are cut at maxDcepText bytes.
std::vector<uint8_t> writeOpen(const ChannelParameters& channel);
std::vector<uint8_t> writeAck();

}  // namespace sotto::sctp
