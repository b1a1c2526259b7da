#include "media/sctp/Dcep.hpp"

#include <algorithm>

namespace sotto::sctp {
namespace {

/// Type, channel type, priority, reliability, length of the label, length of the protocol.
constexpr size_t openHeaderSize = 12;
/// Section 5.1: the bit of "unordered", and the kinds beside it.
constexpr uint8_t unorderedBit = 0x80;
constexpr uint8_t kindReliable = 0x00;
constexpr uint8_t kindRetransmits = 0x01;
constexpr uint8_t kindTimed = 0x02;
/// RFC 8831 section 6.4: "below normal" to "high" are 128 to 1024; browsers ask for 256.
constexpr uint16_t normalPriority = 256;

base::ByteView bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), std::min(text.size(), maxDcepText)};
}

std::string textOf(base::ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

tl::expected<DcepMessage, DcepError> dcepMessage(base::ByteView message) {
  if (message.empty()) return tl::make_unexpected(DcepError::Truncated);
  if (message[0] == static_cast<uint8_t>(DcepMessage::Ack)) return DcepMessage::Ack;
  if (message[0] == static_cast<uint8_t>(DcepMessage::Open)) return DcepMessage::Open;
  return tl::make_unexpected(DcepError::UnknownMessage);
}

tl::expected<ChannelParameters, DcepError> parseOpen(base::ByteView message) {
  base::ByteReader reader(message);
  const uint8_t type = reader.u8();
  const uint8_t kind = reader.u8();
  reader.skip(2);  // priority: all that we send is of one
  const uint32_t reliability = reader.u32();
  const size_t labelSize = reader.u16();
  const size_t protocolSize = reader.u16();
  const base::ByteView label = reader.bytes(labelSize);
  const base::ByteView protocol = reader.bytes(protocolSize);
  if (!reader.ok()) return tl::make_unexpected(DcepError::Truncated);
  if (type != static_cast<uint8_t>(DcepMessage::Open)) return tl::make_unexpected(DcepError::UnknownMessage);
  if (reader.remaining() != 0) return tl::make_unexpected(DcepError::TrailingBytes);
  if (labelSize > maxDcepText || protocolSize > maxDcepText) return tl::make_unexpected(DcepError::TooLong);
  ChannelParameters channel;
  channel.ordered = (kind & unorderedBit) == 0;
  switch (kind & ~unorderedBit) {
    case kindReliable:
      break;
    case kindRetransmits:
      channel.maxRetransmits = static_cast<uint16_t>(std::min<uint32_t>(reliability, UINT16_MAX));
      break;
    case kindTimed:
      channel.maxLifetimeMs = reliability;
      break;
    default:
      return tl::make_unexpected(DcepError::UnknownChannel);
  }
  channel.label = textOf(label);
  channel.protocol = textOf(protocol);
  return channel;
}

std::vector<uint8_t> writeOpen(const ChannelParameters& channel) {
  const base::ByteView label = bytesOf(channel.label);
  const base::ByteView protocol = bytesOf(channel.protocol);
  std::vector<uint8_t> message(openHeaderSize + label.size() + protocol.size());
  base::ByteWriter writer(message);
  writer.u8(static_cast<uint8_t>(DcepMessage::Open));
  const uint8_t kind = channel.maxRetransmits  ? kindRetransmits
                       : channel.maxLifetimeMs ? kindTimed
                                               : kindReliable;
  writer.u8(static_cast<uint8_t>(kind | (channel.ordered ? 0 : unorderedBit)));
  writer.u16(normalPriority);
  writer.u32(channel.maxRetransmits ? *channel.maxRetransmits : channel.maxLifetimeMs.value_or(0));
  writer.u16(static_cast<uint16_t>(label.size()));
  writer.u16(static_cast<uint16_t>(protocol.size()));
  writer.bytes(label);
  writer.bytes(protocol);
  return message;
}

std::vector<uint8_t> writeAck() {
  return {static_cast<uint8_t>(DcepMessage::Ack)};
}

}  // namespace sotto::sctp
