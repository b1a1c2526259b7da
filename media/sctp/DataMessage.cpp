#include "media/sctp/DataMessage.hpp"

namespace sotto::sctp {
namespace {

constexpr uint8_t version = 1;

}  // namespace

tl::expected<DataMessage, DataMessageError> parseDataMessage(base::ByteView message) {
  base::ByteReader reader(message);
  const uint8_t saidVersion = reader.u8();
  const uint8_t kind = reader.u8();
  const uint16_t peer = reader.u16();
  if (!reader.ok()) return tl::make_unexpected(DataMessageError::Truncated);
  if (saidVersion != version) return tl::make_unexpected(DataMessageError::UnknownVersion);
  if (kind > static_cast<uint8_t>(DataKind::Key)) return tl::make_unexpected(DataMessageError::UnknownKind);
  return DataMessage{static_cast<DataKind>(kind), peer, reader.rest()};
}

std::array<uint8_t, dataHeaderSize> dataHeader(DataKind kind, uint16_t peer) {
  return {version, static_cast<uint8_t>(kind), static_cast<uint8_t>(peer >> 8), static_cast<uint8_t>(peer)};
}

}  // namespace sotto::sctp
